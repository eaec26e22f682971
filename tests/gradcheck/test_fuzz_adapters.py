"""Whatever is handed to the checker ends in a verdict, in one line of its own, or in the user's error with a note."""

import collections
import types

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import cached, module, pair, value_and_grad

CHECKS = 40  # of each seed
Two = collections.namedtuple("Two", ["a", "b"])


def inputs(rng):
    """Return arrays, and what people take for arrays."""
    x = rng.normal(size=(2, 3))
    return [
        x, x[0], x[:, :1], x.T, np.array(x[0, 0]), x[0, 0], 2.5, x.astype(np.float32), x.astype(np.float16),
        np.zeros((0, 3)), np.zeros((2, 3)), np.ones((2, 3)), x * 1e-300, x * 1e300, x.astype(">f8"),
        x.astype(np.longdouble), x + 0j, np.full((2, 3), np.nan), np.full((2, 3), np.inf), np.arange(6).reshape(2, 3),
        3, True, None, "text", [1.0, 2.0], [1, 2], (x, x), {"a": x, "b": [x[0], 3]}, Two(x, x[0]),
        types.SimpleNamespace(w=x, n=3), np.array([x, None], object), np.zeros(2, [("a", float)]),
        np.ma.masked_array(x, x > 0), x.view(np.matrix), np.array(["a"]), np.zeros(2, "M8[s]"), {}, [],
        x.reshape(2, 3, *[1] * 40), np.random.default_rng(3), object(), len, np.float32(2), np.array([[]]),
        np.broadcast_to(x[0], (2, 3)),
    ]


def first(tree):
    """Return some floating array of a tree."""
    if isinstance(tree, np.ndarray):
        return tree
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return first(tree[0])
    return first(tree.w) if hasattr(tree, "w") else np.asarray(tree, float)


FORWARD = [
    lambda *xs: np.sin(first(xs[0])), lambda *xs: first(xs[0]) ** 2, lambda *xs: first(xs[0]).sum(),
    lambda *xs: xs[0], lambda *xs: (first(xs[0]), first(xs[0]) * 2), lambda *xs: {"y": first(xs[0])},
    lambda *xs: None, lambda *xs: "text", lambda *xs: first(xs[0]) > 0, lambda *xs: 1 / first(xs[0]),
    lambda *xs: np.sqrt(first(xs[0])), lambda *xs: (first(xs[0]), None), lambda *xs: [], lambda *xs: (),
    lambda *xs: 3, lambda *xs: float(np.sum(first(xs[0]))), lambda *xs: first(xs[0]) * np.ones((4, 1, 1)),
    lambda *xs: np.zeros((0,)), lambda *xs: np.abs(first(xs[0])), lambda *xs: np.round(first(xs[0])),
    lambda *xs: first(xs[0]).item(0), lambda *xs: [][0], lambda *xs: first(xs[0]).astype(np.float32),
    lambda *xs: np.random.normal(size=3),  # noqa: NPY002
]
BACKWARD = [
    lambda *xs: np.cos(first(xs[0])) * xs[-1], lambda *xs: xs[-1], lambda *xs: None, lambda *xs: (xs[-1], xs[-1]),
    lambda *xs: (), lambda *xs: (None, None), lambda *xs: {"x": xs[-1]}, lambda *xs: [xs[-1]], lambda *xs: "text",
    lambda *xs: 0.0, lambda *xs: np.nan, lambda *xs: xs[-1] * np.inf, lambda *xs: xs[-1].astype(np.float32),
    lambda *xs: xs[-1] > 0, lambda *xs: xs[-1][..., None], lambda *xs: [][0], lambda *xs: 2 * first(xs[0]) * xs[-1],
    lambda *xs: first(xs[0]), lambda *xs: (xs[-1], {"w": xs[-1]}), lambda *xs: np.array([None]),
    lambda *xs: xs[-1] + 1j, lambda *xs: {1: 2}, lambda *xs: (xs[-1],), lambda *xs: object(),
]


class Layer:
    def __init__(self, forward, backward, **fields):
        self._forward, self._backward = forward, backward
        self.__dict__.update(fields)

    def forward(self, *xs):
        self.x = xs
        return self._forward(*xs)

    def backward(self, dy):
        self.db = dy
        return self._backward(*self.x, dy)


class Called(Layer):
    def vjp(self, *xs):
        return self.forward(*xs), lambda dy: (None, self._backward(*xs, dy))


def subjects(forward, backward, tree):
    return [
        lambda: pair(forward, backward),
        lambda: pair(forward, backward),
        lambda: cached(lambda *xs: (forward(*xs), xs), lambda dy, xs: backward(*xs, dy)),
        lambda: cached(forward, backward),
        lambda: module(Layer(forward, backward)),
        lambda: module(Layer(forward, backward, b=np.ones(3), params=tree)),
        lambda: value_and_grad(lambda *xs: (np.sum(forward(*xs)), backward(*xs, np.ones(())))),
        lambda: value_and_grad(forward),
        lambda: lambda *xs: (forward(*xs), lambda dy: backward(*xs, dy)),
        lambda: Called(forward, backward, w=tree),
        lambda: forward,
        lambda: tree,
    ]


def is_an_answer(make, given):
    """Whether a check ends in a report, or in an error that the checker explains."""
    try:
        with np.errstate(all="ignore"):
            report = gradcheck.check(make(), *given)
    except Exception as error:
        text, notes = str(error), getattr(error, "__notes__", [])
        own = isinstance(error, TypeError | ValueError) and text.startswith("gradcheck: ") and "\n" not in text
        return own or any(note.startswith("gradcheck: raised by ") for note in notes)
    return report.verdict in ("pass", "fail", "inconclusive") and str(report) != "" and report.to_json() != ""


@pytest.mark.parametrize("seed", range(4))
def test_any_subject_at_any_input_ends_in_an_answer(seed):
    rng = np.random.default_rng(seed)
    for _ in range(CHECKS):
        pool = inputs(rng)
        given = [pool[i] for i in rng.integers(0 if rng.random() < 0.7 else 11, len(pool), rng.choice([1, 1, 1, 2, 0]))]
        if rng.random() < 0.5:
            given = [pool[rng.integers(11)]]
        forward, backward, tree = (int(rng.integers(len(of))) for of in (FORWARD, BACKWARD, pool))
        makers = subjects(FORWARD[forward], BACKWARD[backward], pool[tree])
        kind = int(rng.integers(len(makers)))
        assert is_an_answer(makers[kind], given), (kind, forward, backward, tree, given)
