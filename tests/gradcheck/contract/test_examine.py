"""What a pullback owes its caller: every way to break the contract has a finding of its own, with a message."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

X = np.random.default_rng(1).normal(size=(3, 4))
W = np.random.default_rng(2).normal(size=(3, 4))


def square(x):
    return x * x * x


def honest(x, dy):
    return 3 * x * x * dy


def found(report, severity="fail"):
    return {(f.kind, f.array): f.message for f in report.findings if f.severity == severity}


def expect(report, kind, array, message):
    assert report.verdict == "fail"
    messages = found(report)
    assert messages.get((kind, array)) == message, str(report)
    assert "\n" not in message


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


def test_an_honest_layer_has_no_findings_but_notes():
    report = gradcheck.check(Scale(W[0]), X)
    assert report.verdict == "pass", str(report)
    assert {f.severity for f in report.findings} <= {"note"}
    assert [g.name for g in report.gradients] == ["gamma", "x"]


def test_a_layer_without_arrays_may_leave_its_own_cotangent_out():
    class Cube:
        def vjp(self, x):
            return square(x), lambda dy: (honest(x, dy),)

    assert gradcheck.check(Cube(), X).verdict == "pass"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda right: right[1], "the pullback must return a tuple with the layer's cotangent first, got ndarray"),
        (lambda right: right[:1], "the pullback must return 2 cotangents (the layer, x), got 1"),
        (lambda right: (*right, 0), "the pullback must return 2 cotangents (the layer, x), got 3"),
    ],
)
def test_a_layer_returns_as_many_cotangents_as_it_has_arguments_and_itself(wrong, message):
    report = gradcheck.check(Scale(W[0], wrong), X)
    expect(report, "count", None, message)
    assert {(g.verdict, g.reason) for g in report.gradients} == {("inconclusive", "not compared")}


@pytest.mark.parametrize(
    ("cotangents", "message"),
    [
        (lambda a, b, dy: dy, "the backward must return 2 cotangents, got ndarray"),
        (lambda a, b, dy: (dy,), "the backward must return 2 cotangents (a, b), got 1"),
        (lambda a, b, dy: (dy, dy, dy), "the backward must return 2 cotangents (a, b), got 3"),
    ],
)
def test_a_function_returns_as_many_cotangents_as_it_has_arguments(cotangents, message):
    expect(gradcheck.check(pair(lambda a, b: a + b, cotangents), X, W), "count", None, message)


def test_constants_among_the_inputs_may_be_left_out_of_the_cotangents():
    ids = np.array([2, 0, 0, 1])

    def gather_backward(table, ids, weight, dy):
        d_table = np.zeros_like(table)
        np.add.at(d_table, ids, weight * dy)
        return d_table, dy * table[ids]

    gather = pair(lambda table, ids, weight: table[ids] * weight, gather_backward)
    report = gradcheck.check(gather, X, ids, np.ones((4, 4)) / 3)
    assert report.verdict == "pass", str(report)
    assert [g.name for g in report.gradients] == ["table", "weight"]


@pytest.mark.parametrize(
    ("kind", "backward", "message"),
    [
        ("missing", lambda x, dy: None, "the pullback must return a cotangent of x, got None"),
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
    expect(gradcheck.check(pair(square, backward), X), kind, "x", message)


def test_a_part_of_a_cotangent_that_is_missing_is_named_by_its_path():
    double = pair(lambda p: 2 * p["a"] + p["b"], lambda p, dy: {"b": dy})
    report = gradcheck.check(double, {"a": X, "b": W})
    expect(report, "missing", "p.a", "the pullback must return a cotangent of p.a, got nothing")
    assert {g.name: g.verdict for g in report.gradients} == {"p.a": "fail", "p.b": "inconclusive"}


def test_a_wider_cotangent_is_right_where_the_forward_pass_widens():
    weight = np.random.default_rng(3).normal(size=4)  # float64
    widen = pair(lambda x: x * weight, lambda x, dy: dy * weight)
    assert gradcheck.check(widen, X.astype(np.float32)).verdict == "pass"


def test_a_cotangent_is_finite():
    def backward(x, dy):
        dx = honest(x, dy)
        dx[1, 2] = np.nan
        return dx

    report = gradcheck.check(pair(square, backward), X)
    expect(report, "finite", "x", "the cotangent of x must be finite, got nan at (1, 2)")
    assert {kind for kind, _ in found(report)} == {"finite", "gradient"}, "and nothing is said of what follows from it"


def test_a_forward_pass_writes_to_nothing_it_was_given():
    def vjp(x):
        x -= 1
        return np.sin(x), lambda dy: np.cos(x) * dy

    before = X.copy()
    report = gradcheck.check(vjp, X)
    assert np.array_equal(X, before)
    # what the user's code is handed is fresh each time, so the numbers are still compared
    assert report.gradients[0].digits > 6
    expect(report, "mutation", None, "the forward pass writes to x")


def test_a_pullback_writes_not_to_dy():
    def vjp(x):
        def pullback(dy):
            dy *= 3 * x * x
            return dy

        return square(x), pullback

    message = "the pullback writes to the cotangent dy it was given"
    expect(gradcheck.check(vjp, X), "mutation", None, message)


def test_a_pullback_writes_not_to_what_the_forward_pass_was_given():
    def vjp(x):
        def pullback(dy):
            x[...] = 3 * x * x * dy
            return x

        return square(x), pullback

    before = X.copy()
    message = "the pullback writes to an array that the forward pass was given"
    expect(gradcheck.check(vjp, X), "mutation", None, message)
    assert np.array_equal(X, before)


def test_an_error_while_a_write_is_looked_into_comes_through():
    def vjp(x):
        def pullback(dy):
            dy[...] = 0  # refused the first time
            raise ValueError("spent")

        return square(x), pullback

    with pytest.raises(ValueError, match=r"^spent"):
        gradcheck.check(vjp, X)


def test_a_pullback_writes_not_to_parameters():
    class Accumulates(Scale):
        def vjp(self, x):
            def pullback(dy):
                self.gamma += (x * dy).sum(axis=0)
                return Scale(self.gamma), self.gamma * dy

            return self.gamma * x, pullback

    layer = Accumulates(W[0].copy())
    message = "the pullback writes to an array that the forward pass was given"
    expect(gradcheck.check(layer, X), "mutation", None, message)
    assert np.array_equal(layer.gamma, W[0])


def test_errors_of_the_users_own_that_are_no_writes_come_through_from_the_first_call():
    def forward(x):
        raise ValueError("width must be 5")

    def backward(x, dy):
        raise ValueError("no gradient for you")

    with pytest.raises(ValueError, match=r"^width must be 5") as caught:
        gradcheck.check(pair(forward, backward), X)
    assert caught.value.__notes__ == ["gradcheck: raised by the forward pass of the subject under check"]
    with pytest.raises(ValueError, match=r"^no gradient for you") as caught:
        gradcheck.check(pair(square, backward), X)
    assert caught.value.__notes__ == ["gradcheck: raised by the pullback of the subject under check"]


def test_the_output_of_vjp_is_that_of_the_plain_forward_pass():
    class Two(Scale):
        def __call__(self, x):
            return self.gamma * x * 1.0000001

    message = "the output of vjp differs from that of the plain forward pass"
    expect(gradcheck.check(Two(W[0]), X), "forward", None, message)


def test_a_pullback_called_twice_gives_one_answer():
    def vjp(x):
        calls = []

        def pullback(dy):
            calls.append(dy)
            return honest(x, dy) * len(calls)

        return square(x), pullback

    message = "called twice with one dy, the pullback gives two cotangents of x"
    expect(gradcheck.check(vjp, X), "repeat", "x", message)


def test_a_later_call_leaves_earlier_results_alone():
    buffer = np.empty_like(X)

    def vjp(x):
        def pullback(dy):
            buffer[...] = honest(x, dy)
            return buffer

        return square(x), pullback

    message = "a later call of the pullback changes the cotangent of x it returned"
    expect(gradcheck.check(vjp, X), "alias", "x", message)


def test_a_later_forward_pass_leaves_earlier_outputs_alone():
    buffer = np.empty_like(X)

    def vjp(x):
        np.multiply(x * x, x, out=buffer)
        return buffer, lambda dy: honest(x, dy)

    message = "a later forward pass changes the output that an earlier one returned"
    expect(gradcheck.check(vjp, X), "alias", None, message)


def test_residuals_belong_to_the_forward_pass_that_made_them():
    kept = {}

    def vjp(x):
        kept["x"] = x.copy()
        return square(x), lambda dy: honest(kept["x"], dy)

    message = "after another forward pass the pullback gives another cotangent of x (stale residuals)"
    expect(gradcheck.check(vjp, X), "stale", "x", message)


@pytest.mark.parametrize(
    ("backward", "power"),
    [
        (lambda x, dy: 3 * x * x * dy * dy, "-1 dy) is not -1 B(dy)"),
        (lambda x, dy: honest(x, np.clip(dy, -1, 1)), "2 dy) is not 2 B(dy)"),
        (lambda x, dy: honest(x, np.abs(dy)), "-1 dy) is not -1 B(dy)"),
        (lambda x, dy: 3 * x * x, "-1 dy) is not -1 B(dy)"),
    ],
)
def test_a_pullback_is_homogeneous(backward, power):
    report = gradcheck.check(pair(square, backward), X)
    expect(report, "homogeneous", "x", f"the cotangent of x is not linear in dy: B({power}")


def test_a_pullback_of_nothing_is_nothing():
    def backward(x, dy):
        return honest(x, dy) if dy.any() else np.ones_like(x)

    message = "the cotangent of x is not linear in dy: B(0) is not 0"
    expect(gradcheck.check(pair(square, backward), X), "homogeneous", "x", message)


def test_a_pullback_is_additive():
    def backward(x, dy):  # homogeneous all the same
        return 3 * x * x * dy.max(axis=1, keepdims=True) if dy.sum() > 0 else 3 * x * x * dy.min(axis=1, keepdims=True)

    message = "the cotangent of x is not linear in dy: B(a + b) is not B(a) + B(b)"
    expect(gradcheck.check(pair(square, backward), X), "additive", "x", message)


def test_the_memory_layout_of_inputs_and_cotangents_changes_nothing():
    def backward(x, dy):
        return honest(x, dy) if dy.flags.c_contiguous else 2 * honest(x, dy)

    messages = found(gradcheck.check(pair(square, backward), X))
    assert messages == {("layout", "x"): "strided arrays change the cotangent of x"}


def test_the_forward_pass_reads_entries_and_not_memory():
    def forward(x):
        return square(x) if x.flags.c_contiguous else square(x) + 1

    messages = found(gradcheck.check(pair(forward, honest), X))
    assert messages == {("layout", None): "strided inputs change the output"}


def test_a_broadcast_cotangent_is_a_cotangent():
    def backward(x, dy):
        return honest(x, dy) if dy.strides != (0, 0) else 0 * x

    messages = found(gradcheck.check(pair(square, backward), X))
    assert messages == {("layout", "x"): "zero-stride arrays change the cotangent of x"}


@pytest.mark.parametrize("wrong", [lambda dx: dx[:1], lambda dx: dx.astype(complex), lambda dx: None])
def test_where_a_cotangent_cannot_be_compared_nothing_else_is_asked(wrong):
    calls = []

    def backward(x, dy):
        calls.append(1)
        return wrong(honest(x, dy))

    report = gradcheck.check(pair(square, backward), X)
    assert len(calls) == 1 and len(found(report)) == 1 and report.gradients[0].reason == "not compared"


def test_a_workspace_of_an_object_is_one_when_its_method_is_handed_over():
    class Work:
        def __init__(self):
            self.out = np.empty_like(X)

        def forward(self, x):
            return np.multiply(x * x, x, out=self.out) if x.dtype == X.dtype else square(x)

    message = "a later forward pass changes the output that an earlier one returned"
    expect(gradcheck.check(pair(Work().forward, honest), X), "alias", None, message)


def test_an_error_in_a_later_call_is_a_finding_and_numbers_are_still_compared():
    def once(x):
        used = []

        def pullback(dy):
            if used:
                raise RuntimeError("graph was freed\nby the first call")
            used.append(dy)
            return honest(x, dy)

        return square(x), pullback

    report = gradcheck.check(once, X)
    expect(report, "raises", None, "called again, the subject raises RuntimeError: graph was freed")
    assert report.gradients[0].digits > 11


def test_behind_an_error_in_a_later_call_a_wrong_gradient_is_told():
    def once(x):
        used = []

        def pullback(dy):
            if used:
                raise RuntimeError
            used.append(dy)
            return 1.01 * honest(x, dy)

        return square(x), pullback

    assert ("gradient", "x") in found(gradcheck.check(once, X))


def test_an_error_for_another_layout_is_a_finding_and_numbers_are_still_compared():
    def backward(x, dy):
        if not dy.flags.c_contiguous:
            raise RuntimeError
        return honest(x, dy)

    report = gradcheck.check(pair(square, backward), X)
    message = "for arrays in another memory layout, the subject raises RuntimeError: no message"
    expect(report, "raises", None, message)
    assert report.gradients[0].digits > 11


def test_an_array_that_breaks_the_contract_fails_even_if_its_numbers_are_right():
    report = gradcheck.check(pair(square, lambda x, dy: honest(x, dy) + (dy.strides == (0, 0))), X)
    assert (report.gradients[0].verdict, report.gradients[0].reason) == ("fail", "broken: layout")


def test_a_forward_pass_that_draws_from_nowhere_is_inconclusive():
    rng = np.random.default_rng(0)
    report = gradcheck.check(pair(lambda x: x * rng.uniform(size=x.shape), lambda x, dy: dy), X)
    assert report.verdict == "inconclusive"
    message = "two forward passes at one point differ: hand over a numpy.random.Generator, which is replayed"
    assert found(report, "inconclusive") == {("stochastic", None): message}


def test_a_saturated_softmax_is_linear_but_for_underflow():
    def forward(x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(x, dy):
        p = forward(x)
        return p * (dy - (p * dy).sum(axis=-1, keepdims=True))

    x = np.array([[0.0, -3.0, -700.0, 1.5], [2.0, -745.0, 0.3, 1.0]])
    assert not found(gradcheck.check(pair(lambda x: forward(x) * 1.0, backward), x))
