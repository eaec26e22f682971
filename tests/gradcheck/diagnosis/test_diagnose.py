"""gradcheck.diagnosis.diagnose, on layers with one planted bug."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.diagnosis.diagnose import _again, diagnose
from gradcheck.diagnosis.evidence import Diagnosis

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))
LINE = np.array([-2.1, -1.2, -0.6, -0.3, 0.2, 0.7, 1.1, 1.6, 2.4])
WIDE, FIVE, MANY = rng.normal(size=(2, 5)), rng.normal(size=(5, 5)), rng.normal(size=60)


def test_where_the_output_has_no_entry_each_array_has_its_cause():
    def backward(x, w, v, dy):
        return dy @ v.T @ w.T, np.inf * w, v

    report = gradcheck.check(pair(lambda x, w, v: x @ w @ v, backward), np.zeros((0, 4)), SQUARE, SQUARE)
    assert [g.cause for g in report.gradients] == ["", "finite", "nonlinear"], str(report)


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def particular(x, m):
    if (m[0, 0] < m[0, 1:]).any():
        raise ValueError("m must be largest at its first place")
    return np.sinh(x @ m)


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "at ties": (
        "special values",
        "zeros, ties",
        lambda x: np.where(x.real > 0, x, 0),
        lambda x, dy: dy * np.where(x == 0, 5, x > 0),
        np.array([1.0, 0.0, -2.0, 0.0]),
    ),
    "in a stretch around the given number": (
        "branch",
        "closely beside them",
        np.sinh,
        lambda x, dy: dy * np.where(np.abs(x - 1) < 0.01, 2, 1) * np.cosh(x),
        np.array([1.0, 0.3, -2.0, 0.7, 1.9]),
    ),
    "many outputs, nowhere known": (
        "unknown",
        "",
        lambda x: np.sinh(x)[:, None] * MANY,
        lambda x, dy: np.where(np.arange(9) % 3, np.cosh(x), np.exp(np.sin(5 * x))) * (dy @ MANY),
        LINE,
    ),
    "a number": ("unknown", "", np.exp, lambda x, dy: dy * np.sin(x), np.array(0.3)),
    "long": (
        "unknown",
        "",
        lambda x: np.stack([x[:150] @ np.sin(x[150:]), np.cos(x) @ x]),
        lambda x, dy: dy[0] * np.exp(np.sin(3 * x)) + dy[1] * np.cos(np.arange(300) * x),
        rng.normal(size=300),
    ),
    "an input that must not be turned": (
        "unknown",
        "",
        particular,
        lambda x, m, dy: ((dy * np.exp(x @ m)) @ np.exp(np.sin(3 * m)), x.T @ (dy * np.cosh(x @ m))),
        X,
        SQUARE + np.array([[9.0], [0], [0], [0]]) * [1, 0, 0, 0],
    ),
    "nothing that is known": (
        "unknown",
        "",
        lambda x: np.sinh(x @ SQUARE) @ SQUARE,
        lambda x, dy: (dy @ np.sin(SQUARE * 3)) * np.exp(x @ SQUARE) @ np.cos(SQUARE),
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


def test_residuals_of_the_first_call_are_told():
    kept = {}
    stale = pair(np.sinh, lambda x, dy: dy * kept.setdefault(x.shape, np.cosh(x)))
    (gradient,) = gradcheck.check(stale, X).gradients
    assert gradient.cause == "stale"
    assert "earlier call" in gradient.diagnosis


def test_a_claim_that_depends_on_memory_is_told():
    def backward(x, dy):
        return np.reshape((dy * np.cosh(x)).ravel(), x.shape, order="C" if x.flags.c_contiguous else "F")

    (gradient,) = gradcheck.check(pair(np.sinh, backward), X).gradients
    assert gradient.cause == "layout"


def test_a_claim_that_is_no_number_nearby_is_told():
    x = np.round(X * 1024) / 1024
    only_here = pair(np.sinh, lambda z, dy: np.where((z == x).all(), dy * np.cosh(z), np.nan))
    report = gradcheck.check(only_here, x)
    assert "finite" in {g.cause for g in report.gradients}, str(report)


def test_where_no_number_was_compared_nothing_is_guessed():
    assert not diagnose(None, gradcheck.Gradient("x", (3,), "fail"), 0, ())


def test_what_one_array_is_sure_of_goes_before_a_guess_at_another():
    """k gets entries that a mask holds back; of q only that its weights are wrong can be said."""
    q, k, v = np.random.default_rng(3).normal(size=(3, 6, 4))

    def backward(q, k, v, dy):
        ds = dy @ v.T
        return ds @ k, ds.T @ q, np.tril(q @ k.T).T @ dy

    report = gradcheck.check(pair(lambda q, k, v: np.tril(q @ k.T) @ v, backward), q, k, v)
    assert {g.name: g.cause for g in report.gradients if g.verdict == "fail"}["k"] == "mask"
    assert {g.cause for g in report.gradients if g.verdict == "fail"} <= {"mask", "unknown"}


def test_a_step_in_the_middle_of_a_network_is_told_with_its_line():
    def backward(x, w, dy):
        h = np.tanh(x @ w)
        dz = 2 * dy * h.sum(0).sum() * np.ones_like(h)
        return dz @ w.T, x.T @ dz

    report = gradcheck.check(pair(lambda x, w: np.tanh(x @ w).sum() ** 2, backward), X, SQUARE)
    assert {g.cause for g in report.gradients} == {"slope"}
    assert all("slope of tanh is left out, in `report = " in g.diagnosis for g in report.gradients), str(report)


def test_one_step_that_explains_all_arrays_goes_before_several_causes():
    def backward(x, w, v, dy):
        p = softmax(x @ w)
        dp = 2 * dy * (p @ v).sum() * np.broadcast_to(v.sum(1), p.shape)
        ds = p * dp
        return ds @ w.T, x.T @ ds, 2 * dy * (p @ v).sum() * np.outer(p.sum(0), np.ones(3))

    rng = np.random.default_rng(6)
    inputs = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=(5, 3))
    report = gradcheck.check(pair(lambda x, w, v: (softmax(x @ w) @ v).sum() ** 2, backward), *inputs)
    assert {g.cause for g in report.gradients if g.verdict == "fail"} == {"normalisation"}, str(report)


def test_a_weak_pattern_must_fit_at_two_points():
    found = Diagnosis("entry", "")
    other = dataclasses.make_dataclass("Other", ["all_claimed"])(np.ones(2))
    assert _again(lambda e: Diagnosis("entry", "elsewhere"), found, other)
    assert not _again(lambda e: Diagnosis("part", ""), found, other)
    assert not _again(lambda e: None, found, other)
    assert _again(lambda e: None, found, None)


def test_an_array_of_which_no_cause_is_told_is_described():
    a, b = np.random.default_rng(4).normal(size=(2, 4, 5))

    def backward(a, b, dy):
        return 2 * dy * np.cosh(a) * b, dy * np.exp(np.sin(3 * a * b))

    report = gradcheck.check(pair(lambda a, b: np.sinh(a) * b, backward), a, b)
    assert all(g.diagnosis for g in report.gradients)


def test_of_every_wrong_array_there_is_a_word():
    """Large ones, and more of them than a cause is looked for."""
    rng = np.random.default_rng(5)
    inputs = [rng.normal(size=(30, 20)) for _ in range(6)]

    def backward(*args):
        return tuple(args[-1] * np.exp(np.sin(5 * x)) for x in args[:-1])

    report = gradcheck.check(pair(lambda *xs: sum(np.sinh(x).sum() for x in xs), backward), *inputs)
    assert all(g.verdict == "fail" and g.cause and g.diagnosis for g in report.gradients), str(report)
    assert report.gradients[-1].cause == "unknown" and "of a derivative that was compared" in str(report)


@pytest.mark.parametrize("part", [1e-9, 3e-10, 1e-10])
@pytest.mark.parametrize("factor", [1, np.cos(X), np.where(X > 0, 1, 0)], ids=["all", "uneven", "some"])
def test_of_an_error_that_is_hardly_one_only_its_size_is_told(part, factor):
    report = gradcheck.check(pair(np.sinh, lambda x, dy: dy * np.cosh(x) * (1 + part * factor)), X)
    (gradient,) = report.gradients
    assert gradient.verdict == "fail" and gradient.cause in ("small", "unknown"), str(report)


def test_a_small_error_of_one_of_two_uses_is_not_told_as_that_of_the_other():
    rng = np.random.default_rng(5)
    def backward(x, w, dy):
        h = np.tanh(x @ w)
        dz = dy @ w * (1 - h * h)
        return dz @ w.T, x.T @ dz + (1 + 1e-7) * dy.T @ h

    report = gradcheck.check(pair(lambda x, w: np.tanh(x @ w) @ w.T, backward), X, rng.normal(size=(4, 5)))
    assert report.gradients[0].verdict == "pass"
    assert " 1 times" not in report.gradients[1].diagnosis, str(report)


@pytest.mark.parametrize("shape", [(0,), (5, 0), (0, 4), (2, 0, 4)])
@pytest.mark.parametrize("case", CASES)
def test_an_array_without_entries_beside_a_wrong_one_is_no_obstacle(case, shape):
    _, _, forward, backward, *inputs = CASES[case]

    def vjp(*arrays):
        def pullback(dy):
            found = backward(*arrays[:-1], dy)
            return *(found if isinstance(found, tuple) else (found,)), np.zeros(shape)

        return forward(*arrays[:-1]), pullback

    report = gradcheck.check(vjp, *inputs, np.zeros(shape))
    assert report.verdict == "fail" and report.gradients[-1].verdict == "pass"


def test_what_may_be_called_once_alone_is_not_the_cause_of_a_wrong_number():
    def once(factor):
        def vjp(x):
            kept = [x]
            return np.sinh(x), lambda dy: factor * dy * np.cosh(kept.pop())

        return vjp

    (gradient,) = gradcheck.check(once(2), X).gradients
    assert (gradient.verdict, gradient.cause) == ("fail", "factor"), gradient
    assert gradcheck.check(once(1), X).verdict == "fail"


def delayed(x):
    """A filter y[t] = x[t] + a x[t - 1] + b y[t - 1], whose term with a is forgotten below."""
    y = 0 * x
    for t in range(x.shape[1]):
        y[:, t] = 0.7 * x[:, t] + (0.5 * y[:, t - 1] - 0.4137 * x[:, t - 1] if t else 0)
    return y


def without_delay(x, dy):
    dx, d = np.zeros_like(x), 0
    for t in reversed(range(x.shape[1])):
        d = dy[:, t] + 0.5 * d
        dx[:, t] = 0.7 * d
    return dx


TABLE = np.random.default_rng(2).normal(size=(7, 3))
MIDDLE = np.array([0.7, -0.4, 0.5])
CAUSAL = np.tril(np.random.default_rng(2).uniform(0.5, 1.5, (2, 2, 5, 5)))
VALUES = np.random.default_rng(2).normal(size=(2, 2, 5, 3))


@pytest.mark.parametrize(
    ("causes", "forward", "backward", "inputs"),
    [
        ({"term"}, delayed, without_delay, [rng.normal(size=(3, 6))]),
        ({"entry", "unknown"}, lambda c: TABLE @ c, lambda c, dy: TABLE[:, [0, 0, 2]].T @ dy, [MIDDLE]),
        (
            {"permuted"},
            lambda x: np.stack([np.sin(x[0]) * LINE, np.exp(x[1]) * LINE]),
            lambda x, dy: np.array([np.exp(x[1]) * (dy[1] @ LINE), np.cos(x[0]) * (dy[0] @ LINE)]),
            [np.array([0.3, 0.8])],
        ),
        ({"transposed"}, lambda v: CAUSAL @ v, lambda v, dy: CAUSAL @ dy, [VALUES]),
        ({"slope"}, lambda x: np.log(np.cosh(x).sum() + np.exp(x[0])), lambda x, dy: dy + 0 * x, [LINE]),
        (
            {"sum"},
            lambda f, g: ((f @ f.swapaxes(1, 2) - g) ** 2).sum(),
            lambda f, g, dy: (
                4 * dy * (f @ f.swapaxes(1, 2) - (g + g.T) / 2) @ f,
                -2 * dy * (f @ f.swapaxes(1, 2) - g)[0],
            ),
            [rng.normal(size=(2, 4, 5)), SQUARE],
        ),
    ],
    ids=["lost beside others", "in the middle", "of two", "with a batch", "dy itself", "first of a batch"],
)
def test_what_fits_by_chance_or_in_part_is_not_the_cause(causes, forward, backward, inputs):
    report = gradcheck.check(pair(forward, backward), *inputs)
    assert report.verdict == "fail"
    assert {g.cause for g in report.gradients if g.verdict == "fail"} <= causes, str(report)


def test_what_flows_through_another_array_is_counted_by_its_gradient_and_not_by_its_claim():
    """Where scores go back twice, the claim for q is twice too large, and what flows to h through q once too much."""

    def forward(h, q):
        s = softmax(h @ q / 2)
        return np.einsum("nt,ntd->nd", s, h)

    def backward(h, q, dy):
        p = softmax(h @ q / 2)
        dp = np.einsum("nd,ntd->nt", dy, h)
        ds = p * (dp - (p * dp).sum(1, keepdims=True))
        return p[..., None] * dy[:, None] + ds[..., None] * q, np.einsum("nt,ntd->d", ds, h)

    draws = np.random.default_rng(4)
    report = gradcheck.check(pair(forward, backward), draws.normal(size=(3, 6, 4)), draws.normal(size=4))
    assert all("3/2" not in g.diagnosis and g.cause in ("factor", "term") for g in report.gradients), str(report)
