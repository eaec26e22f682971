"""Each pattern on a layer of its own with one planted bug: the cause by name, and what the sentence says of it."""

import re

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.diagnosis import gathering, words
from gradcheck.diagnosis.diagnose import diagnose, explained
from gradcheck.subjects.problem import COST
from gradcheck.verdict.plan import LARGE

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 4))
SQUARE = rng.normal(size=(4, 4))
LINE = np.array([-2.1, -1.2, -0.6, -0.3, 0.2, 0.7, 1.1, 1.6, 2.4])
POSITIVE = rng.uniform(0.5, 2.0, size=6)
IDS = np.array([4, 1, 4, 0, 1, 4])
EIGHT = rng.normal(size=8)
WIDE, FIVE, MANY = rng.normal(size=(2, 5)), rng.normal(size=(5, 5)), rng.normal(size=60)
OTHER, SIX, NARROW = rng.normal(size=(3, 4)), rng.normal(size=(6, 2)), rng.normal(size=(4, 2))


def softmax(x):
    p = np.exp(x - x.real.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def centred(x):
    return x - x.mean(-1, keepdims=True)


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def scattered(dy, ids, rows):
    out = np.zeros((rows, *dy.shape[1:]))
    out[ids] = dy
    return out


def added(dy, ids, rows):
    out = np.zeros((rows, *dy.shape[1:]))
    np.add.at(out, ids, dy)
    return out


def through(x, m, dy):
    """Of x tanh(m) N, with tanh(m) not transposed for x."""
    ds = dy @ NARROW.T
    return ds @ np.tanh(m), x.T @ ds / np.cosh(m) ** 2


def particular(x, m):
    if (m[0, 0] < m[0, 1:]).any():
        raise ValueError("m must be largest at its first place")
    return np.sinh(x @ m)


def windows(x, k):
    return np.stack([smoothed(row, k[0]) for row in x])


def kernel_gradient(x, dy):
    wide = np.pad(x, ((0, 0), (1, 1)))
    return np.array([[(wide[:, j : j + 4] * dy).sum() for j in range(3)]])


def two_paths(x):
    return np.sin(x) + np.cumsum(x * x, axis=0)


def shift(dy):
    """dy[k + 1] at k, and nothing at the end."""
    return np.append(dy[1:], 0.0)


def smoothed(x, weights=(0.25, 0.5, 0.25)):
    wide = np.concatenate([0 * x[:1], x, 0 * x[:1]])
    return sum(w * wide[k : k + len(x)] for k, w in enumerate(weights))


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
    "below zero": (
        "branch",
        "x < 0.*wrong",
        lambda x: np.where(x.real > 0, x, x * x),
        lambda x, dy: dy * np.where(x > 0, 1, x),
        LINE,
    ),
    "closed below": (
        "branch",
        "passes no gradient",
        lambda x: np.where(x.real > 0, x, x * x),
        lambda x, dy: dy * (x > 0),
        LINE,
    ),
    "open outside": (
        "branch",
        r"\|x\| > .*does not change",
        lambda x: np.where((x * x).real < 1, np.sin(x), 1),
        lambda x, dy: dy * np.cos(x),
        LINE,
    ),
    "another decides": (
        "branch",
        "another input",
        lambda a, b: np.where(a.real > b.real, a * 3, b),
        lambda a, b, dy: (3 * dy, dy * (b > a)),
        X,
        OTHER,
    ),
    "sides exchanged": (
        "branch",
        "two sides.*x > 0",
        lambda x: np.where(x.real > 0, 3 * x, x),
        lambda x, dy: dy * np.where(x > 0, 1, 3),
        LINE,
    ),
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
    "rows left out": ("sum", "only index 2 of axis 0", lambda b: X * b, lambda b, dy: (dy * X)[-1], X[0]),
    "one number": (
        "sum",
        "only one entry of dy",
        lambda s: X * s,
        lambda s, dy: np.array(dy[0, 1] * X[0, 1]),
        np.array(0.4),
    ),
    "part of dy": ("dy", r"at \[1\]; for the rest", lambda s: X @ s, lambda s, dy: X.T @ (dy * [1, 0, 1]), X[0]),
    "first row for all": (
        "selection",
        "not used at index 1, 2",
        np.sinh,
        lambda x, dy: (dy[:1] + 0 * dy) * np.cosh(x),
        X,
    ),
    "sum of dy": (
        "sum",
        "only by its sum along axis 1",
        np.sinh,
        lambda x, dy: dy.sum(1, keepdims=True) * np.cosh(x),
        X,
    ),
    "evenly": (
        "spread",
        "axis 1 get one number",
        lambda x: softmax(3 * x)[:, 0] * 1.0,
        lambda x, dy: np.repeat(dy[:, None], 4, 1) / 4,
        X,
    ),
    "last write": (
        "repeated",
        "last write",
        lambda t: 2 * t[IDS],
        lambda t, dy: 2 * scattered(dy, IDS, 5),
        rng.normal(size=(5, 2)),
    ),
    "first write": (
        "repeated",
        "only one",
        lambda t: 2 * t[IDS],
        lambda t, dy: 2 * scattered(dy[::-1], IDS[::-1], 5),
        rng.normal(size=(5, 2)),
    ),
    "mean of uses": (
        "repeated",
        "mean over the uses",
        lambda t: t[IDS],
        lambda t, dy: np.stack([dy[i == IDS].mean(0) if (i == IDS).any() else 0 * dy[0] for i in range(5)]),
        rng.normal(size=(5, 2)),
    ),
    "wrong weights": (
        "slope",
        "multiplied with x",
        lambda w, x: np.sin(x) * w,
        lambda w, x, dy: ((dy * x).sum(0), dy * np.cos(x) * w),
        X[0],
        X,
    ),
    "no weights": (
        "slope",
        "not multiplied at all",
        lambda t: t[IDS] * SIX,
        lambda t, dy: added(dy, IDS, 5),
        rng.normal(size=(5, 2)),
    ),
    "Jacobian not transposed": ("transposed", "J dy instead of", lambda x: x @ SQUARE, lambda x, dy: dy @ SQUARE, X),
    "axes of the array": (
        "transposed",
        "exchanged",
        lambda w: np.sin(SQUARE) @ w,
        lambda w, dy: (np.sin(SQUARE).T @ dy).T,
        SQUARE,
    ),
    "input to be transposed": (
        "transposed",
        "if m were transposed",
        lambda x, m: x @ np.tanh(m) @ NARROW,
        lambda x, m, dy: through(x, m, dy),
        X,
        SQUARE,
    ),
    "kernel reversed": (
        "transposed",
        "if k were reversed along axis 1",
        lambda x, k: windows(x, k) @ SQUARE,
        lambda x, k, dy: (windows(dy @ SQUARE.T, k), kernel_gradient(x, dy @ SQUARE.T)),
        X,
        np.array([[0.3, 0.8, -0.4]]),
    ),
    "symmetric by mistake": (
        "transposed",
        "taken for symmetric",
        lambda u, a: np.array(np.sinh(u) @ a @ np.sinh(u)),
        lambda u, a, dy: (2 * dy * (a @ np.sinh(u)) * np.cosh(u), dy * np.outer(np.sinh(u), np.sinh(u))),
        X[0],
        SQUARE,
    ),
    "mirror image": ("transposed", "symmetric that is not", lambda a: 3 * a @ a.T, lambda a, dy: 6 * dy @ a, X),
    "one of two uses": (
        "path",
        "used twice",
        lambda a: np.array(np.trace(a @ a @ a.T @ np.eye(3)) * 0) + (a @ a),
        lambda a, dy: dy @ a.T,
        rng.normal(size=(3, 3)),
    ),
    "reversed": (
        "permuted",
        "reversed along axis 0",
        lambda x: np.sinh(x)[::-1],
        lambda x, dy: dy * np.cosh(x)[::-1],
        X,
    ),
    "reversed wholly": (
        "permuted",
        "wrong order: reversed|places: reversed",
        np.sinh,
        lambda x, dy: dy[::-1, ::-1] * np.cosh(x),
        X,
    ),
    "shifted": (
        "permuted",
        "shifted by 1 along axis 1",
        lambda x: np.sinh(x),
        lambda x, dy: np.roll(dy * np.cosh(x), 1, 1),
        X,
    ),
    "cut one too early": (
        "permuted",
        "dy is used in the wrong order",
        lambda b: np.append(X[0], b),
        lambda b, dy: dy[3:6].copy(),
        X[1, :3],
    ),
    "two axes of dy": (
        "axis",
        "axes 0 and 1 of dy",
        lambda c: SQUARE * c,
        lambda c, dy: (dy * SQUARE).sum(0)[:, None],
        SQUARE[:, :1],
    ),
    "mask ignored": (
        "mask",
        "does not depend on it",
        lambda x: np.where(SQUARE > 0, np.sinh(x), 0),
        lambda x, dy: dy * np.cosh(x),
        rng.normal(size=(4, 4)),
    ),
    "pairs made up": (
        "mask",
        "pairs of output and entry",
        lambda x: np.tril(SQUARE) @ x,
        lambda x, dy: SQUARE.T @ dy,
        X[0],
    ),
    "upper for lower": (
        "mask",
        "zero at places|zero wherever",
        lambda x: np.tril(SQUARE) @ x,
        lambda x, dy: np.triu(SQUARE).T @ dy,
        X[0],
    ),
    "another entry": (
        "selection",
        "another entry",
        lambda x: np.array([2 * x[0], 3 * x[1], 5 * x[2], x[2]]),
        lambda x, dy: np.array([0.0, 2 * dy[0], 3 * dy[1] + 5 * dy[2] + dy[3]]),
        X[0, :3],
    ),
    "on the border": (
        "border",
        "border only",
        lambda x: smoothed(np.sinh(x)),
        lambda x, dy: (smoothed(dy) + 0.3 * dy * np.isin(np.arange(8), [0, 7])) * np.cosh(x),
        EIGHT,
    ),
    "unreached rows": ("missing", "index 1 of axis 0", np.sinh, lambda x, dy: dy * np.cosh(x) * [[1], [0], [1]], X),
    "unreached rows of a sum": (
        "missing",
        "index 1 of axis 0",
        lambda x: np.array(np.sinh(x).sum()),
        lambda x, dy: dy * np.cosh(x) * [[1], [0], [1]],
        X,
    ),
    "reached too many": (
        "mask",
        "does not depend",
        lambda x: np.array(np.sinh(x[1]).sum()),
        lambda x, dy: dy * np.cosh(x),
        X,
    ),
    "past forgotten": ("path", "takes each by itself", two_paths, lambda x, dy: dy * (np.cos(x) + 2 * x), X),
    "one step of the past": (
        "path",
        "a path from x",
        lambda x: np.cumsum(x * x),
        lambda x, dy: 2 * x * (dy + shift(dy)),
        X[0],
    ),
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
    "sum of zero": (
        "unknown",
        "numeric gradients sum to 0 along axis 1",
        lambda x: np.sin(2 * softmax(2 * x)),
        lambda x, dy: dy @ SQUARE * softmax(2 * x),
        X,
    ),
    "factor by row": (
        "scale",
        "axis 0 only",
        lambda x: np.sinh(x @ SQUARE) * [[2.0], [3.0], [5.0]],
        lambda x, dy: (dy * np.cosh(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "output slope": (
        "slope",
        "multiplied with first",
        lambda x: np.sinh(x @ SQUARE),
        lambda x, dy: (dy * np.exp(x @ SQUARE)) @ SQUARE.T,
        X,
    ),
    "input slope": (
        "slope",
        "factor x too much.*multiplied with last",
        lambda x: np.sinh(x) @ SQUARE,
        lambda x, dy: dy @ SQUARE.T * np.cosh(x) * x,
        X,
    ),
    "an input is missing": (
        "slope",
        "a factor g is missing",
        lambda x, g: (x @ SQUARE) * g,
        lambda x, g, dy: (dy @ SQUARE.T, dy * (x @ SQUARE)),
        X,
        X + 3,
    ),
    "an input too much": (
        "slope",
        "a factor g too much",
        lambda x, g: (x @ SQUARE) + g,
        lambda x, g, dy: ((dy * g) @ SQUARE.T, dy.copy()),
        X,
        X + 3,
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
    "a factor in part": (
        "part",
        "index 0 of axis 0.*2 times",
        np.sinh,
        lambda x, dy: dy * np.cosh(x) * [[2], [1], [1]],
        X,
    ),
    "extremes held": (
        "extremes",
        "largest and its smallest",
        lambda x: np.array(
            np.sin(x).sum() * 1.0 + (x.flat[x.real.argmax()] - x.flat[x.real.argmin()]) * np.sin(x).sum()
        ),
        lambda x, dy: dy * np.cos(x) * (1 + np.ptp(x)),
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
    "label forgotten": (
        "slope",
        "formula for the derivative",
        lambda x: np.array((np.cosh(x) - x * np.sin(SQUARE[:3])).sum()),
        lambda x, dy: dy * np.sinh(x),
        X,
    ),
    "sums to zero wrongly": (
        "unknown",
        "the claims sum to 0",
        lambda x: np.array((np.exp(x) / 3).sum() + np.sin(x[0] @ x[1] + x[2] @ x[0])),
        lambda x, dy: dy * centred(np.exp(x)),
        X,
    ),
    "right where equal": (
        "value",
        "wrong numbers beside it",
        lambda x: np.cumsum(x @ SQUARE, 0),
        lambda x, dy: dy @ SQUARE.T + (np.cumsum(dy[::-1], 0)[::-1] - dy) @ (OTHER.T @ OTHER),
        X,
    ),
    "hidden among errors": (
        "unknown",
        "without a dependence get one",
        lambda x: np.tril(SQUARE) @ np.sinh(x),
        lambda x, dy: (SQUARE * 2 + 1).T @ dy * np.cosh(x) ** 2,
        X[0],
    ),
    "lost among errors": (
        "unknown",
        "get no derivative",
        lambda x: SQUARE @ np.sinh(x),
        lambda x, dy: np.tril(SQUARE * 2 + 1).T @ dy * np.cosh(x) ** 2,
        X[0],
    ),
    "both among errors": (
        "unknown",
        "get no derivative, 6 pairs",
        lambda x: np.tril(SQUARE) @ np.sinh(x),
        lambda x, dy: np.triu(SQUARE * 2 + 1).T @ dy * np.cosh(x) ** 2,
        X[0],
    ),
    "at ties": (
        "special values",
        "zeros, ties",
        lambda x: np.where(x.real > 0, x, 0),
        lambda x, dy: dy * np.where(x == 0, 5, x > 0),
        np.array([1.0, 0.0, -2.0, 0.0]),
    ),
    "statistics held": (
        "statistic",
        "a sum of 1 and x",
        lambda x: centred(x) / np.sqrt((centred(x) ** 2).mean(-1, keepdims=True)) @ FIVE,
        lambda x, dy: dy @ FIVE.T / np.sqrt((centred(x) ** 2).mean(-1, keepdims=True)),
        WIDE,
    ),
    "wrong side": (
        "branch",
        "the wrong side where x > 0",
        lambda x: np.where(x.real > 0, np.sinh(x), 0),
        lambda x, dy: dy * np.where(x < 0, np.cosh(x), 0),
        LINE,
    ),
    "output slope of a line": (
        "slope",
        "multiplied with first",
        lambda x: np.sinh(SQUARE @ x),
        lambda x, dy: SQUARE.T @ (dy * np.exp(SQUARE @ x)),
        X[0],
    ),
    "padding row": (
        "missing",
        "index 1 of axis 0",
        lambda t: 2 * t[IDS],
        lambda t, dy: 2 * added(dy, IDS, 5) * (np.arange(5) != 1)[:, None],
        rng.normal(size=(5, 2)),
    ),
    "many outputs, unreached": (
        "missing",
        "no gradient reaches x",
        lambda x: np.sinh(x)[:, None] * MANY,
        lambda x, dy: np.cosh(x) * (dy @ MANY) * (np.arange(9) % 3 > 0),
        LINE,
    ),
    "many outputs, reached": (
        "mask",
        "does not depend",
        lambda x: np.sinh(x)[:, None] * MANY * (np.arange(9) % 3 > 0)[:, None],
        lambda x, dy: np.cosh(x) * (dy @ MANY),
        LINE,
    ),
    "many outputs, a branch": (
        "branch",
        "wrong where x < 0 only",
        lambda x: np.sinh(x)[:, None] * MANY,
        lambda x, dy: np.where(x > 0, np.cosh(x), np.exp(x)) * (dy @ MANY),
        LINE,
    ),
    "many outputs, nowhere known": (
        "unknown",
        "",
        lambda x: np.sinh(x)[:, None] * MANY,
        lambda x, dy: np.where(np.arange(9) % 3, np.cosh(x), np.exp(np.sin(5 * x))) * (dy @ MANY),
        LINE,
    ),
    "a few of many": (
        "missing",
        "of 1200 entries get no gradient",
        lambda x: np.array((x * x).sum() + x[7]),
        lambda x, dy: dy * (np.arange(1200) == 7),
        rng.normal(size=1200),
    ),
    "a number": ("unknown", "", np.exp, lambda x, dy: dy * np.sin(x), np.array(0.3)),
    "a number in a line": (
        "slope",
        "wrong weight",
        lambda x: np.sinh(x * X[0]) + np.tanh(2 * X[1] * x),
        lambda x, dy: np.array(dy @ np.exp(x * X[2])),
        np.array(0.3),
    ),
    "eight axes": (
        "product term",
        "proportional to x",
        lambda x: unit(x)[..., ::-1] * 1.0,
        lambda x, dy: dy[..., ::-1] / np.sqrt((x * x).sum(-1, keepdims=True)),
        rng.normal(size=(2, 1, 2, 4)),
    ),
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
        lambda x, m, dy: ((dy * np.exp(x @ m)) @ np.sin(m), x.T @ (dy * np.cosh(x @ m))),
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
def test_the_planted_bug_is_named(name):
    cause, words, forward, backward, *inputs = CASES[name]
    report = gradcheck.check(pair(forward, backward), *inputs)
    assert report.verdict == "fail", str(report)
    failing = [g for g in report.gradients if g.verdict == "fail"]
    assert {g.cause for g in failing} == {cause}, str(report)
    assert re.search(words, failing[0].diagnosis), failing[0].diagnosis
    assert "\n" not in failing[0].diagnosis


# Contracts


NONLINEAR = {
    "dy is ignored": np.ones_like,
    "sign of dy, or dy over": np.sign,
    "twice": lambda dy: dy * np.abs(dy),
    "without dy is added": lambda dy: dy + 0.2,
    "absolute value, a maximum": np.abs,
    "maximum or a mask": lambda dy: np.maximum(dy, 0),
    "clipped": lambda dy: np.clip(dy, -50, 50),
    "not linear in dy": lambda dy: dy * dy * dy / (dy * dy).mean(),
}


@pytest.mark.parametrize("words", NONLINEAR)
def test_what_is_done_to_dy_is_said(words):
    change = NONLINEAR[words]
    report = gradcheck.check(pair(np.sinh, lambda x, dy: change(dy) * np.cosh(x)), X)
    (gradient,) = report.gradients
    assert gradient.cause == "nonlinear", str(report)
    assert words in gradient.diagnosis


def test_a_remembered_dy_is_told_from_one_that_is_ignored():
    def remembers(x):
        seen = []

        def pullback(dy):
            seen.append(dy)
            return seen[0] * np.cosh(x)

        return np.sinh(x), pullback

    (gradient,) = gradcheck.check(remembers, X).gradients
    assert (gradient.cause, "earlier call" in gradient.diagnosis) == ("nonlinear", True)


BROKEN = {
    "shape": lambda x, dy: dy[0],
    "dtype": lambda x, dy: (dy * np.cosh(x)).astype(np.float32),
    "finite": lambda x, dy: np.where(x == x.max(), np.inf, dy * np.cosh(x)),
    "missing": lambda x, dy: None,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_contract_is_its_own_diagnosis(kind):
    (gradient,) = gradcheck.check(pair(np.sinh, BROKEN[kind]), X).gradients
    assert gradient.verdict == "fail"
    assert gradient.cause == kind and gradient.diagnosis


# What one point alone does not show


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


# Cost


def test_a_diagnosis_of_a_large_array_costs_a_few_hundred_forward_passes(monkeypatch):
    spent = []

    def counting(compared, gradients, findings):
        def cost():
            return sum(COST[call] * count for call, count in compared.near.problem.count.items())

        before = cost()
        found = explained(compared, gradients, findings)
        spent.append(cost() - before)
        return found

    monkeypatch.setattr("gradcheck.checker.explained", counting)
    x = np.random.default_rng(3).normal(size=LARGE + 1)
    report = gradcheck.check(pair(lambda x: x * x, lambda x, dy: dy * x), x)
    assert report.gradients[0].cause == "factor"
    assert spent[0] <= 400


@pytest.mark.parametrize(("budget", "cause"), [(0, "unknown"), (60, "special values")])
def test_what_has_grown_too_dear_is_unknown_and_what_has_not_is_told(budget, cause, monkeypatch):
    monkeypatch.setitem(gathering.BUDGET, False, budget)
    at_zeros = pair(lambda x: np.where(x.real > 0, x, 0), lambda x, dy: dy * np.where(x == 0, 5, x > 0))
    (gradient,) = gradcheck.check(at_zeros, np.array([1.0, 0.0, -2.0, 0.0])).gradients
    assert (gradient.verdict, gradient.cause) == ("fail", cause)


def test_where_no_number_was_compared_nothing_is_guessed():
    assert not diagnose(None, gradcheck.Gradient("x", (3,), "fail"), 0, ())


# Words


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (np.ones((2, 3), bool), "in every entry"),
        (np.eye(3, dtype=bool), "on the diagonal"),
        (~np.eye(3, dtype=bool), "off the diagonal"),
        (np.triu(np.ones((3, 3), bool), 1), "above the diagonal"),
        (np.tril(np.ones((3, 3), bool), -1), "below the diagonal"),
        (np.isin(np.arange(9), [0, 1, 3, 5, 8]), "at index 0, 1, 3, 5, ... of axis 0"),
        (np.arange(6).reshape(2, 3) % 5 == 0, "at [0, 0], [1, 2] (2 of 6 entries)"),
        (np.arange(12).reshape(3, 4) % 5 < 2, "at [0, 0], [0, 1], [1, 1], ... (6 of 12 entries)"),
    ],
)
def test_places_in_words(where, said):
    assert words.places(where.ravel(), where.shape) == said
