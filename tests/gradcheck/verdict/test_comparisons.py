"""All comparisons of a check: at kinks and ties, near by and at the given point, at the entries that they lead to."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import quantise
from gradcheck.subjects.problem import LARGE, Problem
from gradcheck.verdict import comparisons as module
from gradcheck.verdict import given as given_module
from gradcheck.verdict.comparisons import (
    Comparisons,
    _at_given,
    _filed,
    _is_sharp,
    _near,
    _wrong,
    compare_all,
)
from gradcheck.verdict.given import contradicting
from gradcheck.verdict.ground import Known
from gradcheck.verdict.locate import Located
from gradcheck.verdict.places import choose
from gradcheck.verdict.plan import Plan, every


def relu(at_zero):
    return pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * np.where(x == 0, at_zero, x > 0))


@pytest.mark.parametrize("at_zero", [0.0, 0.3, 1.0])
def test_at_a_kink_every_subgradient_is_right(at_zero):
    report = gradcheck.check(relu(at_zero), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "pass", str(report)
    assert report.gradients[0].kinks == 1
    assert report.gradients[0].digits > 11


@pytest.mark.parametrize("at_zero", [-0.01, 1.01, 2.0, np.nan])
def test_at_a_kink_what_lies_outside_the_one_sided_derivatives_fails(at_zero):
    report = gradcheck.check(relu(at_zero), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "fail"
    assert report.gradients[0].worst_index == (0,)


def bent(weight):
    """Curved on both sides of a kink at 0, where the slope from the right is -1 and from the left 1."""

    def backward(x, dy):
        at_zero = 1 - 2 * weight
        return dy * np.where(x > 0, -np.exp(x) - 2 * x, np.where(x == 0, at_zero, np.cos(x) + 2 * x))

    return pair(lambda x: np.where(x > 0, -np.expm1(x) - x * x, np.sin(x) + x * x), backward)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_both_ends_of_the_interval_are_right_where_the_function_is_curved(weight):
    assert gradcheck.check(bent(weight), np.array([0.0, 1.5, -2.0, 0.7])).verdict == "pass"


@pytest.mark.parametrize("weight", [-1e-6, 1 + 1e-6])
def test_just_beyond_an_end_is_wrong_where_the_function_is_curved(weight):
    report = gradcheck.check(bent(weight), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "fail" and report.gradients[0].wrong == [(0,)]


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 3e-7, 1e-8, -1e-8, -3e-7, -1e-3])
def test_near_a_kink_the_side_that_x_is_on_decides(distance):
    x = np.array([distance, 1.5, -2.0, 0.7])
    assert gradcheck.check(relu(0.0), x).verdict == "pass"
    wrong = pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > -0.3) * (x < 1))
    assert gradcheck.check(wrong, x).verdict == "fail"


def test_zeros_of_a_large_input_are_looked_at_too(rng):
    x = rng.normal(size=600)
    x[rng.choice(600, 30, replace=False)] = 0
    assert gradcheck.check(relu(0.5), x).verdict == "pass"
    report = gradcheck.check(relu(-1.0), x)
    assert report.verdict == "fail" and x[report.gradients[0].worst_index] == 0


def biggest(share):
    """The maximum of each row; of several that are equal, `share` decides."""

    def backward(x, dy):
        top = x == x.max(axis=-1, keepdims=True)
        return dy * (top / top.sum(axis=-1, keepdims=True) if share == "equal" else share * top)

    return pair(lambda x: x.max(axis=-1, keepdims=True), backward)


def test_a_tie_shared_is_right_and_a_tie_counted_twice_is_not():
    x = np.array([[1.0, 3.0, 3.0, -2.0], [0.5, 2.0, -1.0, 0.3]])
    assert gradcheck.check(biggest("equal"), x).verdict == "pass"
    report = gradcheck.check(biggest(1.0), x)  # each entry a valid subgradient, together none
    assert report.verdict == "fail", str(report)


def test_a_tie_between_two_arrays_is_no_evidence(rng):
    f = pair(np.maximum, lambda a, b, dy: (dy * (a >= b), dy * (b > a)))
    x = np.repeat(rng.normal(size=4), 2)
    assert gradcheck.check(f, x, x.copy()).verdict == "pass"


def test_an_entry_that_only_a_direction_shows_to_be_wrong_is_found(rng):
    x = rng.normal(size=600)

    def backward(x, dy):
        return np.cos(x) * dy * np.where(np.arange(600) == 57, 1.01, 1)

    report = gradcheck.check(pair(np.sin, backward), x)
    assert report.verdict == "fail" and report.gradients[0].wrong == [(57,)]


@pytest.mark.parametrize(
    ("forward", "method"),
    [
        (lambda x: x * x, "complex step"),
        (lambda x: x * np.conj(x), "real differences"),  # the complex step says 0
        (lambda x: np.append(x[:1] * np.conj(x[:1]), x[1:] * x[1:]), "real differences"),  # of one entry
        (lambda x: np.square(np.asarray(x, float) if not np.iscomplexobj(x) else 1 / 0), "real differences"),
    ],
)
def test_the_complex_step_is_believed_where_there_is_one_and_real_differences_confirm_it(forward, method, rng):
    report = gradcheck.check(pair(forward, lambda x, dy: 2 * x * dy), rng.normal(size=5))
    assert report.verdict == "pass" and report.gradients[0].method == method


@pytest.mark.filterwarnings("ignore")  # of the complex step, whose squares are below all numbers
@pytest.mark.parametrize("power", [-158, -160])
def test_squares_of_tiny_numbers_have_no_kinks(rng, power):
    """Differences of subnormal numbers show a few bits, and entry by entry there are too many."""
    x = rng.normal(size=300) * 10.0**power
    report = gradcheck.check(pair(lambda x: (x * x).sum(), lambda x, dy: 2 * x * dy), x)
    said = "x has many entries at the given point that differences do not settle: of these a sample was compared"
    assert report.verdict == "inconclusive" and said in [f.message for f in report.findings], str(report)
    assert "kinks" not in str(report)


def test_many_kinks_of_one_array_are_told_of_that_one(rng):
    a, b = rng.normal(size=300), rng.normal(size=300)
    a[:200] = 0
    subject = pair(lambda a, b: np.maximum(a, 0) + np.sin(b), lambda a, b, dy: (dy * (a > 0), dy * np.cos(b)))
    report = gradcheck.check(subject, a, b)
    assert report.verdict == "pass", str(report)
    assert [f.array for f in report.findings if f.kind == "kinks"] == ["a"]


class Gated:
    """A parameter of zeros that lies at a kink, and is right there."""

    def __init__(self, w, slope=0.0):
        self.w, self.slope = w, slope

    def vjp(self, x):
        at = np.where(self.w > 0, 1.0, np.where(self.w == 0, self.slope, 0.0))
        return np.maximum(self.w, 0) * x, lambda dy: ({"w": dy * at * x}, dy * np.maximum(self.w, 0))


def test_where_parameters_of_zeros_are_what_they_were_only_a_contradiction_is_filed(rng):
    x = rng.normal(size=5)
    report = gradcheck.check(Gated(np.zeros(5)), x)
    assert report.verdict == "pass" and report.gradients[0].kinks == 0
    assert gradcheck.check(Gated(np.zeros(5), slope=2.0), x).verdict == "fail"


@pytest.mark.parametrize("size", [7, 300])
@pytest.mark.parametrize("weight", [1.0, 1e-5])
@pytest.mark.parametrize("off", [1e-6, 1.0])
def test_of_many_arrays_one_that_is_wrong_at_the_given_point_alone_fails(rng, size, weight, off):
    """However small its gradient is beside those of others."""
    arrays = dict(zip("abcdef", rng.normal(size=(6, size)), strict=True))
    weights = {name: weight if name == "d" else 1.0 for name in arrays}

    def backward(x, dy):
        is_given = np.abs(x["d"] - arrays["d"]).max() < 1e-6
        factor = {name: 1 - off if name == "d" and is_given else 1.0 for name in x}
        return {name: dy * weights[name] * np.cos(x[name]) * factor[name] for name in x}

    report = gradcheck.check(pair(lambda x: sum(weights[k] * np.sin(v) for k, v in x.items()), backward), arrays)
    assert report.verdict == "fail"
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["x.d"]


def test_of_many_wrong_entries_a_sample_is_located_and_it_is_said_of_their_array(rng):
    def backward(x, y, dy):
        return 1.01 * np.cos(x) * dy, dy * np.where(np.arange(600) == 3, 1.01, 1)

    report = gradcheck.check(pair(lambda x, y: np.sin(x) + y, backward), *rng.normal(size=(2, 600)))
    (note,) = [f for f in report.findings if f.kind == "dense"]
    assert (note.message, note.severity, note.array) == (
        "x: many entries are wrong, of which a sample was located",
        "note",
        "x",
    )
    assert report.gradients[1].wrong == [(3,)]


def test_of_many_wrong_arrays_the_first_four_are_explained(rng):
    arrays = dict(zip("abcdef", rng.normal(size=(6, 3)), strict=True))

    def backward(x, dy):
        return {name: dy * (1 if name == "b" else 1.01) for name in x}

    report = gradcheck.check(pair(lambda x: sum(x.values()), backward), arrays)
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["x.a", "x.c", "x.d", "x.e", "x.f"]
    assert [g.name for g in report.gradients if g.map is not None] == ["x.a", "x.c", "x.d", "x.e"]


# What is filed, and what is acquitted


def test_an_array_is_wrong_that_one_cotangent_of_one_comparison_contradicts(comparison):
    right, wrong = comparison([1.0, 1.0], 1.0), comparison([1.0, 2.0], 1.0)
    assert _wrong([[right], [right, wrong], [], [wrong, right]]) == {1, 3}


# What is asked next, given what was answered


@pytest.fixture
def asking(ground, monkeypatch):
    """asking(answer): three arrays, and what is asked of them; answer(probe, real) stands for a measurement."""

    def asking(answer, exact=True):
        asked = []

        def measured(_, known, probes, real, rng):
            asked.append(list(zip(probes, real, strict=True)))
            return [answer(*pair) for pair in asked[-1]], known.with_level(None, known.largest + 1)

        monkeypatch.setattr(module, "measured", measured)
        arrays = [np.arange(1.0, 4.0) + k for k in range(3)]
        return ground(lambda x, y, z: x * y * z, lambda x, y, z, dy: (dy,) * 3, *arrays, exact=exact), asked

    return asking


def leaves(asked):
    return [[(probe.leaf, real) for probe, real in call] for call in asked]


def test_where_every_direction_has_a_ladder_near_by_no_more_is_asked(asking, comparison, rng):
    near, asked = asking(lambda probe, real: comparison([1.0, 1.0], 2.0, probe=probe), exact=False)
    columns, known = _near(near, rng)
    assert leaves(asked) == [[(k // 2, True) for k in range(6)]] and known.largest == 1
    assert [[c.probe.leaf for c in found] for found in columns] == [[0, 0], [1, 1], [2, 2]]


def keeping(ground, known, columns, rng):
    return columns, known, Plan([], [])


def losing(ground, known, columns, rng):
    """The third array is lost, and found in no other ladder."""
    return columns, known, Plan([Probe(2, seed=1)], [True])


def test_where_nothing_is_doubted_near_by_only_lost_arrays_are_asked_again(asking, comparison, monkeypatch, rng):
    near, asked = asking(lambda probe, real: comparison([1.0] * 2, 1.0 if real else None, exact=1.0, probe=probe))
    monkeypatch.setattr(module, "sharpened", losing)
    columns, known = _near(near, rng)
    first, second = leaves(asked)
    assert first == [(None, True), (0, False), (1, False), (2, False)] and second == [(2, True)]
    assert known.largest == 2
    assert [[c.probe.leaf for c in found] for found in columns] == [[None, 0], [None, 1], [None, 2, 2]]


def doubting(comparison, which, together=False):
    """Answers of which those along `which` arrays alone are contradicted by the complex step, and the first of all."""

    def answer(probe, real):
        off = probe.leaf in which or (probe.leaf is None and (together or not probe.without))
        return comparison([1.0, 1.0], 1.0 if real else None, 1e-12, exact=1.001 if off else 1.0, probe=probe)

    return answer


def test_a_doubted_array_is_asked_alone_and_all_others_together(asking, comparison, rng):
    near, asked = asking(doubting(comparison, {1}))
    columns, known = _near(near, rng)
    assert leaves(asked)[1] == [(1, True), (None, True)] and asked[1][1][0].without == (1,) and known.largest == 2
    assert [[(c.probe.leaf, c.real is not None) for c in found] for found in columns] == [
        [(0, False), (None, True)],
        [(1, True)],
        [(2, False), (None, True)],
    ]


@pytest.mark.parametrize(("which", "calls"), [({1}, 3), (set(), 2)])
def test_where_the_others_are_doubted_together_each_array_is_asked_alone(asking, comparison, rng, which, calls):
    near, asked = asking(doubting(comparison, which, together=True))
    columns, known = _near(near, rng)
    assert len(asked) == calls == known.largest and leaves(asked)[-1] == [(0, True), (1, True), (2, True)]
    assert [[(c.probe.leaf, c.real is not None) for c in found] for found in columns] == [[(k, True)] for k in range(3)]


def test_along_equal_entries_a_kink_is_no_evidence(asking, comparison, rng):
    """Nor is what has no ladder, or contradicts both the claim and the complex step."""
    alike = Probe(1, seed=1, by_value=True)
    cases = [
        (comparison([1.0, 1.0], 1.0, probe=alike), True),
        (comparison([1.0, 2.0], 1.0, probe=alike), True),
        (comparison([1.0, 2.0], 1.0, exact=[1.0, 2.0], probe=alike), False),
        (comparison([1.0, 1.0], 1.0, exact=[1.0, 2.0], probe=alike), True),
        (comparison([1.0, 1.0], 1.0, kink=[False, True], probe=alike), False),
        (comparison([1.0, 1.0], probe=alike), False),
        (comparison([1.0, 1.0], probe=Probe(1, seed=1)), True),
    ]
    for c, is_filed in cases:
        near, _ = asking(lambda probe, real, c=c: c)
        columns, known = _filed(near, Known(), Plan([c.probe], [True]), rng)
        assert [len(found) for found in columns] == [0, int(is_filed), 0] and known.largest == 1


@pytest.fixture
def given(asking, comparison, monkeypatch, rng):
    """given(answer, along, complete): what is asked at the given point, of each array what is handed on, and notes."""

    def given(answer, along=((), (), ()), complete=True, shown=(), lost=False):
        handed = {}

        def at_given(own, known, leaf, first, alone, rng):
            handed[leaf] = [(c.probe.leaf, c.real is not None) for c in first], set(alone)
            return Located([comparison([leaf, 0.0])], complete, known.with_level(None, known.largest + 1))

        monkeypatch.setattr(module, "compare_at_given", at_given)
        odd = every([3] * 3, {1}, [set()] * 3)
        monkeypatch.setattr(
            module, "unbalanced", lambda own, known, wrong, *_: (Plan([], []) if 1 in wrong else odd, set(shown))
        )
        monkeypatch.setattr(module, "sharpened", losing if lost else keeping)
        own, asked = asking(answer)
        columns, notes = _at_given(own, Known(), [list(found) for found in along], rng)
        assert [bool(found) and found[-1].claimed.tolist() == [k, 0.0] for k, found in enumerate(columns)] == [
            k in handed for k in range(3)
        ]
        return leaves(asked), handed, [f.message for f in notes]

    return given


def agreeing(comparison):
    def answer(probe, real):
        return comparison([1.0] * 2, 1.0 if real or probe.coordinate == 1 else None, exact=1.0, probe=probe)

    return answer


ENTRIES = [(1, False)] * 3
TOGETHER = [(None, True), (0, False), (1, False), (2, False)]
APART = [(0, True), (1, True), (2, True)]


def test_at_the_given_point_all_arrays_together_are_asked_and_every_entry_of_one_out_of_balance(given, comparison):
    asked, handed, notes = given(agreeing(comparison), lost=True)
    assert asked == [[], ENTRIES, TOGETHER, [(2, True)]] and notes == []
    assert handed == {
        0: ([(None, True), (0, False)], set()),
        1: ([(None, True), (1, False)], {1}),
        2: ([(None, True), (2, False), (2, True)], set()),
    }


@pytest.mark.parametrize("shown", [{0, 2}, {0, 1, 2}])
def test_what_a_direction_of_all_has_shown_has_no_complex_step_of_its_own(given, comparison, shown):
    asked, handed, _ = given(agreeing(comparison), shown=shown, lost=True)
    rest = [(k, False) for k in range(3) if k not in shown]
    assert asked[2:] == [[(None, True), *rest], [(2, True)]]
    assert handed[0][0] == [(None, True)] and handed[2][0] == [(None, True), (2, True)]


@pytest.mark.parametrize("shown", [(), (0, 1, 2)])
def test_what_is_unsettled_together_is_asked_of_each_array(given, comparison, shown):
    def answer(probe, real):
        value = None if not real else 2.0 if probe.leaf is None else 1.0
        return comparison([1.0, 1.0], value, exact=1.0, probe=probe)

    asked, handed, _ = given(answer, shown=shown)
    assert asked == [[], ENTRIES, [(None, True)] if shown else TOGETHER, APART]
    assert handed == {k: ([(k, True)], set()) for k in range(3)}


def test_what_is_wrong_near_by_is_asked_nothing_more(given, comparison):
    asked, handed, _ = given(agreeing(comparison), ((), [comparison([1.0, 2.0], 1.0)], ()))
    assert asked == [[], [], [(None, True), (0, False), (2, False)], []]
    assert handed.keys() == {0, 2}


def test_one_contradiction_of_the_complex_step_near_by_leaves_the_given_point_to_differences(given, comparison):
    wrong, right = (comparison([1.0, 1.0], 1.0, exact=exact) for exact in (2.0, 1.0))
    asked, _, _ = given(agreeing(comparison), ((), [wrong, right], [right]))
    assert asked == [[], APART]


def test_of_a_sample_at_the_given_point_it_is_said_that_it_is_one(given, comparison):
    notes = given(agreeing(comparison), complete=False)[2]
    said = "has many entries at the given point that differences do not settle: of these a sample was compared"
    assert notes == [f"{name} {said}" for name in "xyz"]


@pytest.mark.parametrize(("exact", "odd"), [(True, False), (True, True), (False, True)])
def test_only_what_contradicts_is_filed_of_parameters_as_they_were(asking, comparison, rng, monkeypatch, exact, odd):
    """Where all arrays have moved together and nothing is odd, none is asked alone."""
    near, _ = asking(None, exact=exact)
    asked, alone = [], []

    def measured(_, known, probes, real, rng):
        asked.append(list(zip(probes, real, strict=True)))
        value = 2.0 if odd and not alone else 1.0
        return [comparison([1.0, 1.0], value if r else None, exact=1.0, probe=p) for p, r in asked[-1]], known

    def at_given(own, known, leaf, first, entries, rng):
        assert [c.probe.leaf for c in first] == [leaf] and not entries
        alone.append(leaf)
        numbers = [[1.0, 1.0], [1.0, 2.0]] if leaf == 2 else [[1.0, 1.0]]
        return Located([comparison(claims, 1.0, probe=Probe(leaf, coordinate=0)) for claims in numbers], True, known)

    monkeypatch.setattr(given_module, "measured", measured)
    monkeypatch.setattr(given_module, "compare_at_given", at_given)
    more = contradicting(near, Known(), {1}, rng)
    assert leaves(asked) == [[(None, True), (0, False), (2, False)]] * exact + [[(0, True), (2, True)]] * odd
    assert alone == [0, 2] * odd, "what is wrong is wrong"
    assert [[c.claimed.tolist() for c in found] for found in more] == [[], [], [[1.0, 2.0]] * odd]


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Comparisons).near = None


def compared_at(x, backward=lambda x, dy: np.cos(x) * dy):
    problem, rng = Problem(pair(np.sin, backward), (x,), {}), np.random.default_rng(1)
    return compare_all(problem, choose(problem, x.size, rng), 2.0**-52, map, rng)


def test_numbers_that_are_special_are_compared_with_all_their_bits_and_others_with_thirty():
    x = np.array([0.1, 0.7, -0.3])
    at = compared_at(x, lambda x, dy: np.cos(x) * dy * np.where(x == 0.1, 2, 1))
    assert np.array_equal(at.own.point[0], x) and at.explained == (0,)
    few = compared_at(x).own.point[0]
    assert np.array_equal(few, quantise(x)) and not np.array_equal(few, x)


@pytest.mark.parametrize(("size", "times"), [(6, 2), (LARGE + 1, 1)])
def test_a_claim_is_repeated_twice_and_that_of_a_large_subject_once(rng, size, times):
    assert len(compared_at(rng.normal(size=size)).near.claim.nearby) == times


@pytest.mark.parametrize(("wrong", "asks"), [((1.01, 1.01), False), ((1.01, 1.0), True)])
def test_where_every_array_is_wrong_near_by_nothing_is_asked_at_the_given_point(monkeypatch, wrong, asks):
    asked, given = [], module._at_given
    monkeypatch.setattr(module, "_at_given", lambda *given_to: asked.append(1) or given(*given_to))

    def backward(x, y, dy):
        return wrong[0] * dy * np.exp(y), wrong[1] * dy * x * np.exp(y)

    subject = pair(lambda x, y: x * np.exp(y), backward)
    report = gradcheck.check(subject, np.array([0.5, 2.0]), np.array([1.0, -1.0]))
    assert [g.verdict for g in report.gradients] == ["fail", "pass" if asks else "fail"] and bool(asked) == asks


@pytest.mark.parametrize("seed", range(12))
def test_arrays_that_a_sharper_look_leaves_open_are_compared_apart(seed):
    """An ill-conditioned matrix full of ties beside a vector: what is held of one array is no entry of the other."""

    def backward(a, b, dy):
        db = np.linalg.solve(a.T, dy)
        return -np.outer(db, np.linalg.solve(a, b)), db

    hilbert = 1 / (1.0 + np.add.outer(range(5), range(5)))
    report = gradcheck.Checker(seed=seed)(
        pair(np.linalg.solve, backward), hilbert, np.random.default_rng(seed).normal(size=5)
    )
    assert report.verdict in ("pass", "inconclusive"), str(report)


def test_where_all_together_move_in_steps_each_array_is_asked_alone(asking, comparison, rng):
    def answer(probe, real):
        return comparison([1.0, 1.0], 1.0, exact=1.0, probe=probe, steps=2.0**-8 if probe.leaf is None else 0.0)

    near, asked = asking(answer)
    columns, known = _near(near, rng)
    assert leaves(asked)[1:] == [[(0, True), (1, True), (2, True)]] and known.largest == 2
    assert [[c.probe.leaf for c in found] for found in columns] == [[0], [1], [2]]


def test_the_coarsest_steps_are_told_of_all_arrays_or_of_one(ground, comparison):
    near = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
    of = [[comparison(1.0, probe=Probe(i, seed=1), steps=u) for u in steps] for i, steps in enumerate([(0, 0.5), (2,)])]
    of[1].append(comparison(1.0, probe=Probe(None, seed=1), steps=4))
    found = Comparisons(near, Known(), near.place, of, of, (False, False), (), ())
    assert (found.steps(), found.steps(0), found.steps(1), found.steps(2)) == (4, 0.5, 2, 0)


@pytest.mark.parametrize("steps", [0.0, 2.0**-8])
def test_what_is_exact_beside_steps_is_asked_where_an_array_moves_in_steps_and_nowhere_else(monkeypatch, rng, steps):
    asked = []

    def filed(near, *rest):
        columns, known = _near(near, *rest)
        return [[dataclasses.replace(c, steps=steps) for c in found] for found in columns], known

    def beside(near, known, stepping, rng):
        asked.append(stepping)
        return [[] for _ in near.place.point]

    monkeypatch.setattr(module, "_near", filed)
    monkeypatch.setattr(module, "beside_steps", beside)
    problem = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (np.linspace(1, 2, 5),), {})
    y = problem.forward([leaf.value for leaf in problem.leaves])
    compare_all(problem, choose(problem, y.size, rng), 1e-16, map, rng)
    assert asked == ([{0}] if steps else [])


def test_what_is_known_of_noise_near_by_is_known_at_the_given_point_but_for_the_grain(monkeypatch, rng):
    """And at parameters as they were, but for the noise of the complex step, which is that of where they were moved."""
    jumps, handed = {0: np.ones(2)}, []
    noise = Known({0: 1e-9}, {(0, True): np.ones(2)}, np.ones(3), True, jumps)
    monkeypatch.setattr(module, "_near", lambda near, *_: (_near(near, rng)[0], noise))
    monkeypatch.setattr(module, "_at_given", lambda own, known, *rest: handed.append(known) or ([[], []], []))
    monkeypatch.setattr(module, "contradicting", lambda own, known, *rest: handed.append(known) or [[], []])

    class Shift:
        def __init__(self):
            self.b = np.zeros(3)

        def vjp(self, x):
            return x + self.b, lambda dy: ({"b": dy + 0}, dy + 0)

    problem = Problem(Shift(), (np.array([0.5, 1.5, -0.7]),), {})
    compare_all(problem, choose(problem, 3, rng), 1e-16, map, rng)
    of_both = [Known(noise.levels, noise.exact, None, True, jumps), Known(noise.levels, {}, None, True, jumps)]
    assert handed == of_both


@pytest.mark.parametrize(("u", "blocks"), [(2.0**-11, 1), (2.0**-24, 0)])
def test_from_float16_on_blocks_are_compared_at_the_given_point_whose_entries_are_not_traced_again(
    monkeypatch, rng, u, blocks
):
    asked, traced = [], []

    def in_blocks(own, known, columns, rng):
        asked.append(own)
        return columns, known, {0}

    def located(near, known, columns, believed, explained, rng):
        traced.append(explained)
        return columns, known, []

    monkeypatch.setattr(module, "in_blocks", in_blocks)
    monkeypatch.setattr(module, "located", located)
    wrong = pair(lambda x, w: np.sin(x) * w, lambda x, w, dy: (2 * np.cos(x) * w * dy, 2 * np.sin(x) * dy))
    problem = Problem(wrong, (np.linspace(1, 2, 5), np.linspace(2, 3, 5)), {})
    places = dataclasses.replace(choose(problem, 5, rng), u=u)
    found = compare_all(problem, places, 1e-16, map, rng)
    assert [own.place.point for own in asked] == [found.own.point] * blocks and found.explained == (0, 1)
    assert traced == [(1,) if blocks else (0, 1)]


def with_modulus(x, weight=1.0):
    """x |x|, whose code takes complex numbers, though it has no derivative there."""
    return weight * x * np.abs(x)


@pytest.mark.parametrize("size", [100, 300])
def test_where_complex_numbers_tell_nothing_of_any_array_no_entry_is_looked_at_for_their_sake(rng, size):
    subject = pair(with_modulus, lambda x, dy: 2 * np.abs(x) * dy)
    report = gradcheck.check(subject, rng.normal(size=size))
    assert report.verdict == "pass" and report.evaluations < 250
    assert report.gradients[0].method == "real differences" and report.gradients[0].digits > 8
    wrong = pair(with_modulus, lambda x, dy: np.abs(x) * dy)
    assert gradcheck.check(wrong, rng.normal(size=size)).verdict == "fail"


def test_differences_that_leave_little_are_sharp(comparison):
    for bar, off, sharp in ((0.9e-6, 0, True), (1.1e-6, 0, False), (0.9e-6, 2e-6, False)):
        claimed = np.array([4.0, -4.0])
        found = comparison(claimed, claimed + 4 * np.array([0, off]), bar=4 * bar, claimed_bar=0)
        assert _is_sharp(found) is sharp
    assert not _is_sharp(comparison([1.0, 1.0], 1.0, bar=[1e-9, 1e-3])), "for every cotangent"


def test_where_they_tell_of_one_array_this_keeps_its_digits(rng):
    subject = pair(lambda x, w: with_modulus(x, w), lambda x, w, dy: (2 * w * np.abs(x) * dy, with_modulus(x) * dy))
    x, w = gradcheck.check(subject, *rng.normal(size=(2, 20))).gradients
    assert (x.method, w.method) == ("real differences", "complex step") and w.digits > 12


def test_the_outputs_at_the_given_point_are_those_that_are_known(monkeypatch):
    asked, measured = [], module.with_output
    monkeypatch.setattr(module, "with_output", lambda *given: asked.append(given) or measured(*given))
    assert gradcheck.check(pair(np.sin, lambda x, dy: dy * np.cos(x)), np.array([0.3, -0.5, 1.1])).verdict == "pass"
    assert asked == []
