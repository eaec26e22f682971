"""gradcheck.diagnosis.simple, on layers with one planted bug."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.diagnosis import simple

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))
LINE = np.array([-2.1, -1.2, -0.6, -0.3, 0.2, 0.7, 1.1, 1.6, 2.4])


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "sign of the whole": ("factor", "sign is wrong", np.sinh, lambda x, dy: -dy * np.cosh(x), X),
    "half forgotten": ("factor", "2 times", lambda x: x * x * x / 2, lambda x, dy: 3 * dy * x * x, X),
    "length of an axis": (
        "factor",
        r"3 \(the length of an axis\)",
        lambda x: (x * x).mean(0),
        lambda x, dy: 2 * dy * x,
        X,
    ),
    "one part in a thousand": ("factor", r"\(1 \+ 1.0e-03\)", np.sinh, lambda x, dy: 1.001 * dy * np.cosh(x), X),
    "a fraction": ("factor", "7/9", np.sinh, lambda x, dy: 7 / 9 * dy * np.cosh(x), X),
    "no number of fame": ("factor", "0.3456789", np.sinh, lambda x, dy: 0.3456789 * dy * np.cosh(x), X),
    "over the output": (
        "factor",
        "1/y",
        lambda x: np.array(np.exp((x * x).sum() / 9)),
        lambda x, dy: 2 / 9 * x * dy,
        X,
    ),
    "a number of a number": ("factor", "2 times", lambda x: x * x / 2, lambda x, dy: 2 * dy * x, np.array(0.7)),
    "one odd factor of a number": (
        "factor",
        "1.234567 times",
        lambda x: x * x * x,
        lambda x, dy: 1.234567 * 3 * x * x * dy,
        np.array(0.7),
    ),
    "nothing arrives": ("zero", "no gradient reaches x", lambda x: np.sinh(x), lambda x, dy: 0 * dy, X),
    "straight through": ("flat", "dy itself", np.ceil, lambda x, dy: dy.copy(), X + 0.01),
    "slope of a step": ("flat", "a gradient", np.ceil, lambda x, dy: 2 * dy, X + 0.01),
    "returned crosswise": (
        "swapped",
        "is the right gradient of",
        lambda a, b: np.sin(a) * b * b,
        lambda a, b, dy: (2 * np.sin(a) * b * dy, np.cos(a) * b * b * dy),
        X,
        X + 3,
    ),
    "one entry": (
        "entry",
        r"at \[2, 1\].*factor of -1",
        np.sinh,
        lambda x, dy: np.cosh(x) * dy * np.where(np.arange(12).reshape(3, 4) == 9, -1, 1),
        X,
    ),
    "one entry unreached": (
        "entry",
        "no gradient arrives",
        np.sinh,
        lambda x, dy: np.cosh(x) * dy * (np.arange(12).reshape(3, 4) != 9),
        X,
    ),
    "one entry too many": (
        "entry",
        "does not depend",
        lambda x: x * (np.arange(9) != 3),
        lambda x, dy: dy.copy(),
        LINE,
    ),
    "some signs": (
        "sign",
        "sign is wrong in",
        lambda x: x @ SQUARE,
        lambda x, dy: (
            dy @ np.where(np.arange(16).reshape(4, 4) % 3, -1, 1) * 0
            + dy @ (SQUARE * np.where(np.arange(16).reshape(4, 4) % 3, -1, 1)).T
        ),
        X,
    ),
    "a little off": (
        "small",
        "an epsilon",
        lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-3),
        lambda x, dy: (lambda s: dy / s - x * (dy * x).mean(-1, keepdims=True) / s**3)(
            np.sqrt((x * x).mean(-1, keepdims=True) + 2e-3)
        ),
        X,
    ),
    "a few of many": (
        "missing",
        "of 1200 entries get no gradient",
        lambda x: np.array((x * x).sum() + x[7]),
        lambda x, dy: dy * (np.arange(1200) == 7),
        rng.normal(size=1200),
    ),
    "the largest held": (
        "extremes",
        "at its largest entry",
        lambda x: x - np.log(1 + x.flat[x.real.argmax()]),
        lambda x, dy: dy.copy(),
        np.arange(1.0, 21.0).reshape(4, 5),
    ),
    "one array's for both": (
        "duplicate",
        "the same, number for number",
        lambda a, b: np.exp(a.T @ a) @ np.sin(b.T @ b),
        lambda a, b, dy: (lambda d: (d, d.copy()))(
            a @ (dy @ np.sin(b.T @ b).T * np.exp(a.T @ a) + (dy @ np.sin(b.T @ b).T * np.exp(a.T @ a)).T)
        ),
        X,
        X + 3,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "two factors": (simple.factor, np.sinh, lambda x, dy: dy * np.cosh(x) * [[2], [3], [3]], X),
    "many entries": (simple.few, np.sinh, lambda x, dy: dy * np.cosh(x) * [[2], [1], [1]], X),
    "a gradient of its own": (simple.sign, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "far off": (simple.little, np.sinh, lambda x, dy: dy * np.cosh(x) * 1.1, X),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))


def test_of_two_arrays_with_one_gradient_neither_is_said_to_be_returned_for_the_other():
    """Where b alone is wrong, or both are, what is returned for a is the gradient of b by right."""

    def forward(a, b, c):
        return np.sinh(a + b) * c

    def backward(right):
        def pullback(a, b, c, dy):
            d = dy * np.cosh(a + b) * c
            wrong = dy * np.sinh(a + b) * c
            return (d if right else wrong), wrong.copy(), dy * np.sinh(a + b)

        return pullback

    for right in (True, False):
        report = gradcheck.check(pair(forward, backward(right)), X, X + 3, X - 2)
        assert report.gradients[1].verdict == "fail"
        assert not {g.cause for g in report.gradients} & {"swapped", "duplicate"}, str(report)


def test_a_claim_that_is_zero_but_for_rounding_reaches_nothing(named):
    said = "no gradient reaches x: the claim is nowhere above .*e-1[78], and the numeric gradient is up to "
    named("zero", said, lambda x: np.sinh(x), lambda x, dy: -5e-18 * dy * np.cosh(x), X)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_sizes_whose_squares_are_no_numbers_are_told_as_others_are(size):
    def forward(x):
        return size * np.sinh(x)

    (gradient,) = gradcheck.check(pair(forward, lambda x, dy: 2 * size * np.cosh(x) * dy), X).gradients
    assert (gradient.cause, "the claim is 2 times" in gradient.diagnosis) == ("factor", True), gradient
    (gradient,) = gradcheck.check(pair(forward, lambda x, dy: size * np.exp(np.sin(9 * x)) * dy), X).gradients
    assert "inf" not in gradient.diagnosis and gradient.diagnosis
