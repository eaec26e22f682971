"""gradcheck.diagnosis.rules, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import rules

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "known slope": ("slope", "derivative of sin", np.arctan, lambda x, dy: dy * np.cos(x), X),
    "a factor too much": ("slope", "factor x too much", lambda x: np.sinh(x), lambda x, dy: dy * x * np.cosh(x), X),
    "a factor missing": (
        "slope",
        "factor x is missing, times 1/5",
        lambda x: x * x * x * x * x,
        lambda x, dy: dy * x * x * x,
        X,
    ),
    "constant slope": ("slope", "0.3 everywhere", np.arctan, lambda x, dy: 0.3 * dy, X),
    "nameless slope": ("slope", "claimed slope is", np.arctan, lambda x, dy: dy * np.exp(np.sin(3 * x)), X),
    "terms of a sum": (
        "slope",
        "a factor x too much",
        lambda x: np.array(np.sinh(x).sum()),
        lambda x, dy: dy * x * np.cosh(x),
        X,
    ),
    "label forgotten": (
        "slope",
        "formula for the derivative",
        lambda x: np.array((np.cosh(x) - x * np.sin(SQUARE[:3])).sum()),
        lambda x, dy: dy * np.sinh(x),
        X,
    ),
    "a term of the wrong sign": (
        "term",
        "wrong sign, the derivative of sin",
        lambda x: x * x * x + np.sin(x),
        lambda x, dy: dy * (3 * x * x - np.cos(x)),
        X,
    ),
    "a term left out": (
        "term",
        "is left out, the derivative of tanh",
        lambda x: x * x * x + np.tanh(x),
        lambda x, dy: dy * 3 * x * x,
        X,
    ),
    "a term counted thrice": (
        "term",
        "off by 2 times the derivative of exp",
        lambda x: x * x * x + np.exp(x),
        lambda x, dy: dy * (3 * x * x + 3 * np.exp(x)),
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "entries that act on each other": (
        rules.slope,
        lambda x: np.sinh(x) - x.mean(),
        lambda x, dy: dy * np.exp(x) - dy.mean(),
        X,
    ),
    "some entries": (rules.slope, np.sinh, lambda x, dy: dy * np.cosh(x) * [[2], [1], [1]], X),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
