"""A subject at its inputs, as functions of a flat list of arrays."""

import copy
import pickle

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.problem import COST, Problem
from reference.layers.linear import Linear

rng = np.random.default_rng(1)
X = rng.normal(size=(2, 3))


def two(x):
    return {"a": x * x, "b": [np.float64(x.sum())]}, lambda dy: 2 * x * dy["a"] + dy["b"][0]


def test_gradients_hold_one_row_for_every_cotangent(rng):
    problem = Problem(two, (X,), {})
    g = rng.normal(size=(3, 7))
    (rows,) = problem.gradients([X], g)
    assert rows.shape == (3, 2, 3)
    assert np.allclose(rows[1], 2 * X * g[1, :6].reshape(2, 3) + g[1, 6], rtol=1e-14, atol=0)
    assert problem.count == {"forward": 1, "pullback": 3}


def test_where_a_pullback_spoils_its_residuals_each_cotangent_has_a_forward_pass_of_its_own(rng):
    def vjp(x):
        def pullback(dy):
            x[...] *= dy
            return 2 * x

        return x * x, pullback

    problem = Problem(vjp, (X,), {}).changed(protect=False)
    g = rng.normal(size=(2, 6))
    (rows,) = problem.gradients([X], g)
    assert np.allclose(rows, 2 * X * g.reshape(2, 2, 3), rtol=1e-14, atol=0)


def test_a_problem_goes_to_another_process_and_back(rng):
    problem = Problem(Linear(rng.normal(size=(3, 2)), rng.normal(size=2)), (X,), {})
    arrays = [leaf.value for leaf in problem.leaves]
    problem.gradients(arrays, np.ones((1, 4)))
    for twin in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem)):
        assert twin.handed == []
        assert np.array_equal(twin.forward(arrays), problem.forward(arrays))
        assert problem.handed and problem.returned[1] and twin.returned == (None, ()), "what it gave last stays here"
    assert problem.fresh().count == {} and problem.count["forward"] == 3


def test_the_output_of_a_reused_buffer_is_copied():
    buffer = np.empty(6)
    problem = Problem(lambda x: (np.multiply(x.ravel(), 2, out=buffer), lambda dy: dy), (X,), {})
    first = problem.forward([X])
    problem.forward([X + 1])
    assert np.array_equal(first, 2 * X.ravel())


def sine(x):
    return np.sin(x), lambda dy: np.cos(x) * dy


@pytest.mark.parametrize(
    ("inputs", "got"),
    [((), "no input"), ((np.arange(3),), "int64[3]"), ((np.arange(3), "mean"), "int64[3], str")],
)
def test_without_a_floating_array_there_is_nothing_to_differentiate(inputs, got):
    with pytest.raises(TypeError, match="must have a floating array") as raised:
        Problem(sine, inputs, {})
    assert str(raised.value) == f"gradcheck: sine must have a floating array to differentiate, got {got}"


def test_a_problem_begins_protected_and_counts_nothing():
    problem = Problem(sine, (X,), {})
    assert problem.protect and not problem.once and not problem.narrow_only and problem.count == {}
    assert problem.name == "sine" and [leaf.name for leaf in problem.leaves] == ["x"]


def test_inputs_that_lie_too_deep_are_refused():
    deep = X
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested at most"):
        Problem(lambda x, deep: sine(x), (X,), {"deep": deep})


@pytest.mark.parametrize(("size", "large"), [(100_000, False), (100_001, True)])
def test_a_problem_is_large_by_the_entries_of_all_its_arrays(size, large):
    assert Problem(lambda a, b: sine(a), (np.zeros(size - 40_000), np.zeros(40_000)), {}).is_large == large


def test_complex_arrays_are_pairs_of_real_ones():
    (leaf,) = Problem(sine, (X + 1j,), {}).leaves
    assert leaf.value.dtype == np.float64 and leaf.value.size == 12


def test_complex_outputs_of_real_arrays_are_pairs_once_it_is_asked_for():
    problem = Problem(lambda x: (x + 2j, lambda dy: dy.real), (X,), {})
    assert np.iscomplexobj(problem.forward([X]))
    paired = problem.with_paired_outputs()
    assert sorted(paired.forward([X])) == sorted([*X.ravel(), *[2.0] * 6]) and paired.count is problem.count


def test_real_and_complex_forward_passes_are_counted_apart():
    problem = Problem(sine, (X,), {})
    problem.forward([X])
    problem.forward([X + 1j])
    assert problem.count == {"forward": 1, "complex forward": 1}


def test_an_attempt_outside_the_domain_is_not_a_number():
    def forward(x):
        if x.min() < -5:
            raise ValueError("out of domain")
        return x[:1] if x.min() < -4 else x.astype(np.float32)

    problem = Problem(lambda x: (forward(x), None), (X,), {})
    problem.subject.forward = lambda parameters, inputs, constants: forward(*inputs)
    inside = problem.attempt([X], 6)
    assert inside.dtype == np.float64 and np.array_equal(inside, X.astype(np.float32).ravel())
    for moved in (X - 4.5, X - 9):
        assert np.isnan(problem.attempt([moved], 6)).tolist() == [True] * 6


def test_where_a_pullback_may_be_called_once_each_cotangent_has_a_forward_pass_of_its_own(rng):
    def vjp(x):
        used = []

        def pullback(dy):
            assert not used
            used.append(dy)
            return np.cos(x) * dy

        return np.sin(x), pullback

    problem = Problem(vjp, (X,), {}).changed(once=True)
    g = rng.normal(size=(2, 6))
    assert np.allclose(problem.gradients([X], g)[0], np.cos(X) * g.reshape(2, 2, 3), rtol=1e-14, atol=0)
    assert problem.count == {"forward": 2, "pullback": 2}


def test_gradients_of_a_narrow_layer_are_float64():
    (rows,) = Problem(sine, (X.astype(np.float32),), {}).gradients([X.astype(np.float32)], np.ones((1, 6)))
    assert rows.dtype == np.float64


def test_a_cotangent_is_pulled_back_to_the_parameters_and_then_to_the_inputs(rng):
    layer = Linear(rng.normal(size=(3, 2)), rng.normal(size=2))
    problem = Problem(layer, (X,), {})
    _, pullback = problem.vjp([leaf.value for leaf in problem.leaves])
    rows = dict(zip([leaf.name for leaf in problem.leaves], problem.pull(pullback, np.ones((2, 2))), strict=True))
    assert list(rows)[-1] == "x" and len(rows) == 3
    assert np.allclose(rows["x"], np.ones((2, 2)) @ problem.leaves[0].value.T, rtol=1e-14, atol=0)
    assert np.array_equal(problem.returned[1][0], rows["x"])


class Forth(Adapted):
    """y = 2 x, with forward mode or without."""

    def __init__(self, has):
        self.has = has

    def forward(self, parameters, inputs, constants):
        return 2 * inputs[0]

    def jvp(self, parameters, inputs, directions, constants):
        return {"dy": 2 * directions[0]} if self.has else None


def test_forward_mode_gives_one_vector_and_counts_where_there_is_one():
    with_it, without = (Problem(Forth(has), (X,), {}) for has in (True, False))
    assert np.array_equal(with_it.jvp([X], [X]), 2 * X.ravel()) and with_it.count == {"forward mode": 1}
    assert without.jvp([X], [X]) is None and without.count == {}


def handed(problem, arrays, **options):
    """What the subject was given."""
    problem.vjp(arrays, **options)
    return problem.handed


def test_arrays_are_handed_over_read_only_or_as_copies():
    problem, own = Problem(sine, (X,), {}), X.copy()
    (safe,) = handed(problem, [own])
    assert not safe.flags.writeable and np.shares_memory(safe, own) and own.flags.writeable
    (copied,) = handed(problem.changed(protect=False), [own])
    assert copied.flags.writeable and not np.shares_memory(copied, own)


def test_what_is_read_only_already_is_handed_over_as_it_is():
    own = X.copy()
    own.flags.writeable = False
    assert handed(Problem(sine, (own,), {}), [own])[0] is own


def test_arrays_come_in_the_layout_of_those_that_were_given_unless_they_are_to_come_as_they_are():
    problem = Problem(sine, (np.asfortranarray(X),), {})
    problem.forward([X])
    assert problem.handed[0].flags.f_contiguous
    assert handed(problem, [X])[0].flags.f_contiguous and not handed(problem, [X], as_is=True)[0].flags.f_contiguous


def test_a_subject_that_takes_no_wider_arrays_is_handed_those_of_its_own_dtype():
    problem = Problem(sine, (X.astype(np.float32),), {})
    assert handed(problem, [X])[0].dtype == np.float64
    assert handed(problem.changed(narrow_only=True), [X])[0].dtype == np.float32


def test_a_generator_among_the_constants_draws_the_same_each_time():
    def dropped(x, rng):
        keep = rng.uniform(size=x.shape)
        return keep * x, lambda dy: keep * dy

    problem = Problem(dropped, (X,), {"rng": np.random.default_rng(3)})
    assert np.array_equal(problem.forward([X]), problem.forward([X]))


def test_global_draws_are_the_same_at_each_call_and_are_undone():
    problem = Problem(lambda x: (np.random.uniform(size=6) * x.ravel(), lambda dy: dy), (X,), {})  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = problem.forward([X]), problem.forward([X])
    assert np.array_equal(first, second) and np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_changed_problem_counts_with_the_first_and_leaves_it_as_it_is():
    problem = Problem(sine, (X,), {})
    twin = problem.changed(once=True)
    twin.forward([X])
    assert twin.once and not problem.once and problem.count == {"forward": 1}
    problem.fresh().forward([X])
    assert problem.count == {"forward": 1}


@pytest.mark.parametrize(("call", "name"), [("forward", "the forward pass"), ("vjp", "vjp"), ("jvp", "forward mode")])
def test_an_error_says_in_which_call_it_arose(call, name):
    def wrong(*arguments):
        raise KeyError("w")

    subject = Forth(True)
    setattr(subject, call, wrong)
    problem = Problem(subject, (X,), {})
    with pytest.raises(KeyError) as caught:
        getattr(problem, call)([X], *([[X]] if call == "jvp" else []))
    assert caught.value.__notes__ == [f"gradcheck: raised by {name} of the subject under check"]


@pytest.mark.parametrize("call", ["forward", "vjp", "pull"])
def test_an_error_at_a_point_that_the_checker_chose_says_so(call):
    def wrong(*arguments):
        raise KeyError("w")

    subject = Forth(True)
    if call == "pull":
        subject.vjp = lambda *arguments: (X, wrong)
    else:
        setattr(subject, call, wrong)
    problem = Problem(subject, (X,), {})
    with pytest.raises(KeyError) as caught:
        problem.gradients([X + 1], np.ones((1, 6))) if call == "pull" else getattr(problem, call)([X + 1])
    name = {"forward": "the forward pass", "vjp": "vjp", "pull": "the pullback"}[call]
    chosen, where = caught.value.__notes__
    assert "at a point that the checker chose" in chosen
    assert where == f"gradcheck: raised by {name} of the subject under check"


def test_a_plain_forward_pass_is_the_unit_of_cost():
    assert COST["forward"] == 1 and all(cost > 1 for call, cost in COST.items() if call != "forward")
    assert COST["complex forward"] > COST["forward mode"] > COST["pullback"]


def three(a, b, c):
    return a * b * c, lambda dy: (dy * b * c, dy * a * c, dy * a * b)


def test_arrays_that_are_held_stay_where_they_are_and_have_no_gradient():
    a, b, c = X, X + 1, X + 2
    whole = Problem(three, (a, b, c), {})
    problem = whole.with_held(("a", "c"))
    assert [leaf.name for leaf in problem.leaves] == ["b"] and [leaf.name for leaf in whole.leaves] == ["a", "b", "c"]
    assert np.array_equal(problem.forward([b + 1]), (a * (b + 1) * c).ravel())
    (rows,) = problem.gradients([b], np.ones((1, 6)))
    np.testing.assert_allclose(rows[0], a * c, rtol=1e-14, atol=0)
    assert [leaf.name for leaf in whole.with_held(()).leaves] == ["a", "b", "c"]
    middle = whole.with_held(("b",))
    assert np.array_equal(middle.forward([a + 1, c]), ((a + 1) * b * c).ravel()), "in their places"


def test_names_of_arrays_that_may_be_held_are_those_that_there_are_but_not_all():
    problem = Problem(three, (X, X, X), {})
    assert problem.refuse_unknown(("a", "b")) == ("a", "b") and problem.refuse_unknown(()) == ()
    with pytest.raises(ValueError, match=r"^gradcheck: straight_through must name arrays among a, b, c, got 'z'$"):
        problem.refuse_unknown(("a", "z"))
    with pytest.raises(ValueError, match=r"^gradcheck: straight_through must leave an array to compare, got all: c,"):
        problem.refuse_unknown(("c", "b", "a"))


class Twice:
    def __init__(self, x):
        self.x = x

    def __call__(self, dy):
        return 2 * self.x * dy

    def vjp(self, dy):
        return self(dy), lambda c: (2 * dy * c, 2 * self.x * c)


def test_a_second_pullback_is_handed_on_or_there_is_none():
    y, second = Problem(lambda x: (x * x, Twice(x)), (X,), {}).twice([X])
    (_, (dx,)), pull = second(X)
    assert np.array_equal(y, X * X) and np.array_equal(dx, 2 * X * X)
    _, (c_x,), c_dy = pull((None, (X + 1,)))
    assert np.array_equal(c_x, 2 * X * (X + 1)) and np.array_equal(c_dy, c_x)
    assert Problem(two, (X,), {}).twice([X]) is None


def test_arrays_are_handed_over_in_the_layout_of_the_given_ones_unless_as_they_are():
    seen = []

    def vjp(x):
        seen.append(x.flags.f_contiguous)
        return x * x, lambda dy: 2 * x * dy

    problem = Problem(vjp, (np.asfortranarray(X),), {})
    problem.vjp([X.copy()])
    problem.vjp([X.copy()], as_is=True)
    problem.forward([X.copy()])
    assert seen == [True, False, True]


def test_a_call_costs_as_many_forward_passes_as_it_takes():
    want = {"forward": 1, "pullback": 2, "complex forward": 4, "forward mode": 3, "second pullback": 6}
    assert want == COST


def test_small_problems_are_not_large():
    assert not Problem(two, (X,), {}).is_large
    at_bound = [np.zeros(100_000), np.zeros(100_001)]
    assert [Problem(lambda x: (x, lambda dy: dy), (x,), {}).is_large for x in at_bound] == [False, True]


def test_constants_are_handed_over_with_their_arrays_read_only():
    seen = []

    def vjp(x, *, mask, n):
        seen.append((mask, n))
        return x * mask, lambda dy: dy * mask

    mask = np.ones(3)
    Problem(vjp, (X,), {"mask": mask, "n": 3}).forward([X])
    assert np.shares_memory(seen[-1][0], mask) and not seen[-1][0].flags.writeable and seen[-1][1] == 3


def test_a_layer_of_whole_numbers_or_of_one_has_its_own_arrays_alone():
    class Table:
        def __init__(self):
            self.w = X

        def vjp(self, ids):
            return self.w[:, ids], lambda dy: ({"w": dy}, None)

    for ids in (np.array([2, 0, 1]), 1):
        assert Problem(Table(), (ids,), {}).forward([X]).tolist() == X[:, ids].ravel().tolist()


def test_a_problem_is_as_safe_with_complex_numbers_as_its_subject():
    assert Problem(sine, (X,), {}).complex_safe is True and Problem(sine, (X + 1j,), {}).complex_safe is False


def test_what_is_nested_too_deeply_is_refused_before_the_subject_is_prepared_for_it():
    def prepare(*_):
        raise AssertionError("prepared")

    subject, deep = pair(np.sin, lambda x, dy: np.cos(x) * dy), X
    subject.prepare = prepare
    for _ in range(200):
        deep = [deep]
    for inputs, constants in (((deep,), {}), ((X,), {"mask": deep})):
        with pytest.raises(ValueError, match="deep"):
            Problem(subject, inputs, constants)
