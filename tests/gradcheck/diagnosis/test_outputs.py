"""gradcheck.diagnosis.outputs, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import outputs

rng = np.random.default_rng(6)
X = rng.normal(size=(4, 3))
A, B = rng.normal(size=(2, 3, 5))


def heads(x, b):
    return x @ A, np.sin(x @ b)


def heads_backward(first, second, x, b, dy):
    """The gradients, where x hears of `first` and `second` (of dy) and b of dy[1]."""
    d = dy[second] * np.cos(x @ b)
    return first * dy[0] @ A.T + d @ b.T, x.T @ (dy[1] * np.cos(x @ b))

# cause, words of the sentence, forward, backward, inputs
CASES = {
    "second forgotten": (
        "output",
        r"y\[1\] is not used: what flows back from there",
        lambda x: (np.sin(x), np.cos(x)),
        lambda x, dy: dy[0] * np.cos(x),
        X,
    ),
    "first for both": (
        "output",
        r"y\[1\] is not used, that of y\[0\] is taken in its place",
        lambda x: (np.sin(x), np.cos(x)),
        lambda x, dy: dy[0] * (np.cos(x) - np.sin(x)),
        X,
    ),
    "one that does not depend on it": (
        "output",
        r"y\[1\] is not used, but that of y\[0\], which does not depend",
        heads,
        lambda x, b, dy: (heads_backward(1, 1, x, b, dy)[0], x.T @ (dy[0] * np.cos(x @ b))),
        X,
        B,
    ),
    "crosswise": (
        "output",
        r"y\[0\] and y\[1\] are exchanged",
        lambda x: (np.sin(x), np.cos(x)),
        lambda x, dy: dy[1] * np.cos(x) - dy[0] * np.sin(x),
        X,
    ),
    "a term with the wrong one": (
        "output",
        r"lacks of the cotangent of y\[0\] it has too much of that of y\[1\]",
        lambda x: (np.sin(x) + x * x, np.cos(x)),
        lambda x, dy: dy[0] * np.cos(x) - dy[1] * np.sin(x) + 2 * x * dy[1],
        X,
    ),
    "one of them doubled": (
        "factor",
        r"from y\[1\] counts 2 times",
        lambda x: (np.sin(x), np.cos(x)),
        lambda x, dy: dy[0] * np.cos(x) - 2 * dy[1] * np.sin(x),
        X,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "one output": (outputs.dropped, np.sin, lambda x, dy: dy * np.cos(x) * (X > 0), X),
    "all outputs wrong": (
        outputs.weighted,
        lambda x: (np.sin(x), np.cos(x)),
        lambda x, dy: 3 * dy[0] * np.cos(x) - 2 * dy[1] * np.sin(x),
        X,
    ),
    "one output dropped, the other wrong": (
        outputs.dropped,
        lambda x: (np.sin(x), np.cos(x)),
        lambda x, dy: dy[0] * np.cosh(x),
        X,
    ),
    "one output's slope wrong": (
        outputs.weighted,
        lambda x: (np.sin(x), np.cos(x)),
        lambda x, dy: dy[0] * np.cos(x) + dy[1] * np.cosh(x),
        X,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
