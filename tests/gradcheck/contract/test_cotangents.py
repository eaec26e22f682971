"""The first call of a pullback: one cotangent for every array, of its shape and dtype, and nothing written to."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.contract.cotangents import first_pullback, is_array
from gradcheck.contract.forward import first_forward
from gradcheck.subjects.adapted import Broken
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(1).normal(size=(3, 4))
W = np.random.default_rng(2).normal(size=(3, 4))


def square(x):
    return x * x * x


def honest(x, dy):
    return 3 * x * x * dy


def first(subject, *inputs, g=None):
    """What the first call gives, and the messages of its failures by kind and array."""
    run = first_forward(Problem(subject, inputs, {}))
    with np.errstate(all="ignore"):
        made = first_pullback(run, np.ones((2, run.y.size)) if g is None else g)
    return made, {(f.kind, f.array): f.message for f in made[-1] if f.severity == "fail"}


def failures(subject, *inputs):
    return first(subject, *inputs)[1]


@dataclasses.dataclass
class Scale:
    """y = gamma x; `wrong` decides what its pullback returns."""

    gamma: np.ndarray
    wrong: object = None

    def vjp(self, x):
        def pullback(dy):
            right = (Scale((x * dy).sum(axis=0)), self.gamma * dy)
            return right if self.wrong is None else self.wrong(right)

        return self.gamma * x, pullback


def test_an_honest_layer_gives_a_cotangent_for_every_array_and_breaks_nothing():
    (problem, out, pullback, returned, g, findings), _ = first(Scale(W[0]), X)
    assert findings == [] and problem.protect and callable(pullback)
    assert np.array_equal(out, W[0] * X) and np.array_equal(g, np.ones((2, 12)))
    assert np.array_equal(returned[0], X.sum(axis=0)) and np.array_equal(returned[1], np.broadcast_to(W[0], X.shape))


def test_a_layer_without_arrays_may_leave_its_own_cotangent_out():
    class Cube:
        def vjp(self, x):
            return square(x), lambda dy: (honest(x, dy),)

    assert failures(Cube(), X) == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda right: right[1], "the pullback must return a tuple with the layer's cotangent first, got ndarray"),
        (lambda right: right[:1], "the pullback must return 2 cotangents (the layer, x), got 1"),
        (lambda right: (*right, 0), "the pullback must return 2 cotangents (the layer, x), got 3"),
    ],
)
def test_a_layer_returns_as_many_cotangents_as_it_has_arguments_and_itself(wrong, message):
    with pytest.raises(Broken) as broken:
        first(Scale(W[0], wrong), X)
    assert (broken.value.kind, broken.value.message) == ("count", message)


@pytest.mark.parametrize(
    ("cotangents", "message"),
    [
        (lambda a, b, dy: dy, "the backward must return 2 cotangents, got ndarray"),
        (lambda a, b, dy: (dy,), "the backward must return 2 cotangents (a, b), got 1"),
        (lambda a, b, dy: (dy, dy, dy), "the backward must return 2 cotangents (a, b), got 3"),
    ],
)
def test_a_function_returns_as_many_cotangents_as_it_has_arguments(cotangents, message):
    with pytest.raises(Broken) as broken:
        first(pair(lambda a, b: a + b, cotangents), X, W)
    assert (broken.value.kind, broken.value.message) == ("count", message)


def test_constants_among_the_inputs_may_be_left_out_of_the_cotangents():
    ids = np.array([2, 0, 0, 1])

    def gather_backward(table, ids, weight, dy):
        d_table = np.zeros_like(table)
        np.add.at(d_table, ids, weight * dy)
        return d_table, dy * table[ids]

    gather = pair(lambda table, ids, weight: table[ids] * weight, gather_backward)
    (problem, _, _, returned, _, _), failed = first(gather, X, ids, np.ones((4, 4)) / 3)
    assert failed == {} and [leaf.name for leaf in problem.leaves] == ["table", "weight"]
    assert np.array_equal(returned[1], X[ids])


@pytest.mark.parametrize(
    ("kind", "backward", "message"),
    [
        ("dtype", lambda x, dy: "dx", "the cotangent of x must be an array of float64, got str"),
        ("dtype", lambda x, dy: dy.astype(int), "the cotangent of x must be an array of float64, got dtype int64"),
        ("dtype", lambda x, dy: dy + 0j, "the cotangent of x must be an array of float64, got dtype complex128"),
        (
            "dtype",
            lambda x, dy: honest(x, dy).astype(np.float32),
            "the cotangent of x must have dtype float64, got float32",
        ),
        ("shape", lambda x, dy: honest(x, dy).T, "the cotangent of x must have shape (3, 4), got (4, 3)"),
        ("shape", lambda x, dy: honest(x, dy)[None], "the cotangent of x must have shape (3, 4), got (1, 3, 4)"),
        ("shape", lambda x, dy: 1.0, "the cotangent of x must have shape (3, 4), got ()"),
    ],
)
def test_a_cotangent_is_an_array_of_the_shape_and_dtype_of_what_it_is_the_cotangent_of(kind, backward, message):
    assert failures(pair(square, backward), X) == {(kind, "x"): message}


def test_a_part_of_a_cotangent_that_is_missing_is_named_by_its_path():
    double = pair(lambda p: 2 * p["a"] + p["b"], lambda p, dy: {"b": dy})
    message = "the pullback must return a cotangent of p.a, got nothing"
    assert failures(double, {"a": X, "b": W}) == {("missing", "p.a"): message}


def test_every_array_whose_cotangent_is_broken_is_told():
    def broken(a, b):
        return a + b, lambda dy: (dy.T, None)

    assert set(failures(broken, X, W)) == {("shape", "a"), ("missing", "b")}


def test_a_pullback_of_ones_own_returns_none_for_no_array():
    message = "the pullback must return a cotangent of x, got None"
    assert failures(lambda x: (square(x), lambda dy: None), X) == {("missing", "x"): message}


@pytest.mark.parametrize(
    ("x", "cotangent", "wants"),
    [
        (np.float32, np.float64, None),  # the forward pass widens its input and gets back the wider type
        (np.float32, np.float32, None),
        (np.float32, np.float16, "float32, got float16"),
        (np.float64, np.float32, "float64, got float32"),
    ],
)
def test_a_wider_cotangent_is_right_where_the_forward_pass_widens_and_a_narrower_one_nowhere(x, cotangent, wants):
    weight = np.random.default_rng(3).normal(size=4)  # float64
    widen = pair(lambda x: x * weight, lambda x, dy: (dy * weight).astype(cotangent))
    want = {("dtype", "x"): f"the cotangent of x must have dtype {wants}"} if wants else {}
    assert failures(widen, X.astype(x)) == want


def test_a_cotangent_wider_than_its_array_and_the_output_is_of_the_wrong_dtype():
    widened = pair(lambda x: x * x, lambda x, dy: np.float64(2) * x * dy.astype(np.float64))
    message = "the cotangent of x must have dtype float32, got float64"
    assert failures(widened, X.astype(np.float32)) == {("dtype", "x"): message}


def test_a_cotangent_as_narrow_as_the_output_is_of_the_wrong_dtype_for_a_wider_array():
    narrowed = pair(lambda x: x.astype(np.float32), lambda x, dy: dy)
    message = "the cotangent of x must have dtype float64, got float32"
    assert failures(narrowed, X) == {("dtype", "x"): message}


def test_a_number_is_a_cotangent_of_an_array_without_axes():
    assert failures(pair(lambda x: 2 * x, lambda x, dy: 2 * float(dy)), np.array(3.0)) == {}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_cotangent_is_finite_and_the_first_entry_that_is_not_is_told(value):
    def backward(x, dy):
        dx = honest(x, dy)
        dx[1, 2] = dx[2, 0] = value
        return dx

    message = f"the cotangent of x must be finite, got {value} at x[1, 2]"
    assert failures(pair(square, backward), X) == {("finite", "x"): message}


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (np.zeros((3, 4)), True),
        (np.zeros((3, 4), np.float16), True),
        (np.zeros((4, 3)), False),
        (np.zeros((3, 4), int), False),
        (np.zeros((3, 4), complex), False),
        ([[0.0] * 4] * 3, False),
        (None, False),
        (0.0, False),
    ],
)
def test_only_an_array_of_floating_numbers_of_the_same_shape_can_be_compared(value, answer):
    assert is_array(value, X) is answer
    assert is_array(0.0, np.array(1.0)) and is_array(np.float32(0), np.array(1.0))


def test_a_cotangent_of_ones_that_a_narrow_output_cannot_hold_is_rounded_to_it():
    g = np.array([[1 + 2.0**-30, 1.0], [1.0, 1.0]])
    made, _ = first(pair(lambda x: x * 1, lambda x, dy: dy), np.ones(2, np.float32), g=g)
    assert np.array_equal(made[4], np.ones((2, 2))) and np.array_equal(made[3][0], np.ones(2))


def test_a_pullback_is_called_for_the_first_of_the_cotangents():
    g = np.array([[2.0, 3.0], [5.0, 7.0]])
    made, _ = first(pair(lambda x: x * 1, lambda x, dy: dy * 1), np.ones(2), g=g)
    assert np.array_equal(made[3][0], g[0])


def into_dy(x):
    def pullback(dy):
        dy *= 3 * x * x
        return dy

    return square(x), pullback


def into_x(x):
    def pullback(dy):
        x[...] = 3 * x * x * dy
        return x

    return square(x), pullback


WRITES = {
    "the pullback writes to the cotangent dy it was given": into_dy,
    "the pullback writes to an array that the forward pass was given": into_x,
}


@pytest.mark.parametrize("message", WRITES)
def test_a_pullback_writes_to_nothing_it_was_given_and_its_numbers_are_taken_all_the_same(message):
    before = X.copy()
    (problem, _, _, returned, g, _), failed = first(WRITES[message], X, g=np.arange(24.0).reshape(2, 12))
    assert failed == {("mutation", None): message} and np.array_equal(X, before)
    assert not problem.protect and np.array_equal(returned[0], 3 * X * X * g[0].reshape(3, 4))


def test_a_pullback_writes_not_to_parameters():
    class Accumulates(Scale):
        def vjp(self, x):
            def pullback(dy):
                self.gamma += (x * dy).sum(axis=0)
                return Scale(self.gamma), self.gamma * dy

            return self.gamma * x, pullback

    layer = Accumulates(W[0].copy())
    message = "the pullback writes to an array that the forward pass was given"
    assert failures(layer, X) == {("mutation", None): message}
    assert np.array_equal(layer.gamma, W[0])


def test_an_error_while_a_write_is_looked_into_comes_through():
    def vjp(x):
        def pullback(dy):
            dy[...] = 0  # refused the first time
            raise ValueError("spent")

        return square(x), pullback

    with pytest.raises(ValueError, match=r"^spent"):
        first(vjp, X)


def test_what_a_pullback_writes_to_is_found_out_with_the_same_cotangent():
    def vjp(x):
        def pullback(dy):
            if dy[0] == 2:
                dy *= 1
            else:
                x[...] = 1
            return dy

        return x * 1, pullback

    message = "the pullback writes to the cotangent dy it was given"
    run = first_forward(Problem(vjp, (np.ones(2),), {}))
    *_, findings = first_pullback(run, np.array([[2.0, 3.0], [5.0, 7.0]]))
    assert [f.message for f in findings] == [message]


def test_an_error_of_the_users_own_that_is_no_write_comes_through():
    def backward(x, dy):
        raise ValueError("no gradient for you")

    with pytest.raises(ValueError, match=r"^no gradient for you") as caught:
        first(pair(square, backward), X)
    assert caught.value.__notes__ == ["gradcheck: raised by the pullback of the subject under check"]


@pytest.mark.parametrize("size", [1.0, 2.0**-20, 2.0**20])
@pytest.mark.parametrize(("roundings", "told"), [(64, False), (65, True), (-65, True)])
def test_the_output_of_vjp_is_that_of_the_plain_forward_pass_but_for_64_roundings(roundings, told, size):
    class Two(Scale):
        def __call__(self, x):
            return size * x * (1 + roundings * 2.0**-52)

    message = "the output of vjp differs from that of the plain forward pass"
    assert failures(Two(np.full(3, size)), np.ones((1, 3))) == ({("forward", None): message} if told else {})


def test_whole_numbers_among_the_inputs_are_told():
    scaled = pair(lambda x, n: x * n, lambda x, n, dy: (dy * n, None))
    (*_, findings), failed = first(scaled, X, np.array([1, 2, 3, 4]))
    assert failed == {} and [(f.kind, f.severity, f.array) for f in findings] == [("integer", "note", "n")]


@pytest.mark.parametrize("written", [False, True])
def test_an_error_of_the_pullbacks_own_is_no_write_even_if_it_is_raised_once(written):
    calls = []

    def backward(x, dy):
        calls.append(1)
        if written:
            dy *= 2  # which raises while it may not be written to
        if len(calls) == 1 + written:
            raise ValueError("mine")
        return dy * np.cos(x)

    with pytest.raises(ValueError, match=r"^mine"):
        gradcheck.check(pair(np.sin, backward), np.ones(3))
