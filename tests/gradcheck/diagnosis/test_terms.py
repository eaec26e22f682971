"""gradcheck.diagnosis.terms, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import spans, terms

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))
WIDE, FIVE, MANY = rng.normal(size=(2, 5)), rng.normal(size=(5, 5)), rng.normal(size=60)


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def centred(x):
    return x - x.mean(-1, keepdims=True)


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "skip lost": (
        "skip",
        "missing from the claim",
        lambda x: x + np.sinh(x @ SQUARE),
        lambda x, dy: (dy * np.cosh(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "skip twice": (
        "skip",
        "dy once too often",
        lambda x: x + np.sinh(x @ SQUARE),
        lambda x, dy: 2 * dy + (dy * np.cosh(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "a term with dy of another factor": (
        "term",
        "1/2 dy too little: the term with dy",
        lambda x: 2 * x + np.sinh(x @ SQUARE),
        lambda x, dy: 1.5 * dy + (dy * np.cosh(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "layer skipped": ("dy itself", "direct path", lambda x: x @ SQUARE, lambda x, dy: dy.copy(), X),
    "mean left out": (
        "mean term",
        "axis 1, the same number",
        lambda x: centred(x) @ SQUARE,
        lambda x, dy: dy @ SQUARE.T,
        X,
    ),
    "mean of all left out": (
        "mean term",
        "whole array",
        lambda x: np.sinh(x - x.mean()),
        lambda x, dy: np.cosh(x - x.mean()) * dy * 1.0,
        rng.normal(size=(2, 2)),
    ),
    "projection left out": (
        "product term",
        "proportional to x",
        lambda x: unit(x) @ SQUARE,
        lambda x, dy: dy @ SQUARE.T / np.sqrt((x * x).sum(-1, keepdims=True)),
        X,
    ),
    "softmax left out": (
        "product term",
        r"softmax\(x\)",
        lambda x: np.log(softmax(x)) @ SQUARE,
        lambda x, dy: dy @ SQUARE.T,
        X,
    ),
    "statistics held": (
        "statistic",
        "a sum of 1 and x",
        lambda x: centred(x) / np.sqrt((centred(x) ** 2).mean(-1, keepdims=True)) @ FIVE,
        lambda x, dy: dy @ FIVE.T / np.sqrt((centred(x) ** 2).mean(-1, keepdims=True)),
        WIDE,
    ),
    "eight axes": (
        "product term",
        "proportional to x",
        lambda x: unit(x)[..., ::-1] * 1.0,
        lambda x, dy: dy[..., ::-1] / np.sqrt((x * x).sum(-1, keepdims=True)),
        rng.normal(size=(2, 1, 2, 4)),
    ),
    "a mean counted twice": (
        "mean term",
        "counts 2 times",
        lambda x: np.exp(x - x.mean(1, keepdims=True)),
        lambda x, dy: (lambda d: d - 2 * d.mean(1, keepdims=True))(dy * np.exp(x - x.mean(1, keepdims=True))),
        X,
    ),
    "a repeated target counted once": (
        "repeated",
        "whole number times dy",
        lambda x: np.array(np.log(np.exp(x).sum()) - x[[1, 1, 3, 1]].sum()),
        lambda x, dy: dy * (np.exp(x) / np.exp(x).sum() - np.isin(np.arange(9), [1, 3])),
        np.linspace(-1, 1, 9),
    ),
    "a target forgotten": (
        "constant term",
        "stays the same when the inputs change",
        lambda x: np.array(np.cos(x @ x.T).sum() + (x * SQUARE[:3]).sum()),
        lambda x, dy: -2 * dy * np.sin(x @ x.T) @ x,
        X,
    ),
    "a mean of dy alone": (
        "mean term",
        "axis 1, the same number",
        lambda x: x - x.mean(1, keepdims=True) + np.tanh(x),
        lambda x, dy: dy * (2 - np.tanh(x) ** 2),
        X,
    ),
    "a neighbour counted twice": (
        "factor",
        "from other entries counts 2 times",
        lambda x: x * x - np.roll(x, 1, 1) ** 2 / 2,
        lambda x, dy: 2 * x * (dy - np.roll(dy, -1, 1)),
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "a whole number that changes": (
        terms.uncounted,
        lambda x: np.array((x * x).sum()),
        lambda x, dy: dy * np.where(np.arange(9) == 1, 2 * np.round(x) + 0.5, 2 * x),
        np.linspace(-1, 1, 9),
    ),
    "a slope": (spans.along_lines, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "no multiple of dy": (
        terms.skip,
        lambda x: x + np.sinh(x @ SQUARE),
        lambda x, dy: dy + (dy * np.exp(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "a term that changes": (terms.constant, np.sinh, lambda x, dy: dy * np.exp(x), X),
    "neighbours and itself off": (
        terms.beside_direct,
        lambda x: x * x - np.roll(x, 1, 1) ** 2 / 2,
        lambda x, dy: 2 * x * (2 * dy - np.roll(dy, -1, 1)),
        X,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
