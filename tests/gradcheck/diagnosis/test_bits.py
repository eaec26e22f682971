"""gradcheck.diagnosis.bits, on layers in which bits are lost."""

import types

import numpy as np
import pytest

from gradcheck.diagnosis import bits

rng = np.random.default_rng(5)
X, W = rng.normal(size=(3, 4)), rng.normal(size=(4, 5))


def layer(x, w):
    return np.tanh(x @ w)


def backward(x, w, dy, to, where):
    """The backward pass of the layer, in which dy, what is made of it, or all of it is rounded."""
    if where == "dy":
        dy = dy.astype(to).astype(np.float64)
    dz = dy * (1 - np.tanh(x @ w) ** 2)
    if where == "inside":
        dz = dz.astype(to).astype(np.float64)
    found = dz @ w.T, x.T @ dz
    return tuple(d.astype(to).astype(np.float64) for d in found) if where == "claims" else found


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "a product through float32": (
        "precision",
        "of both signs, as are roundings",
        lambda x: np.sin(x) * np.pi,
        lambda x, dy: dy * np.pi * np.cos(x).astype(np.float32),
        X,
    ),
    "rounded on the way": (
        "precision",
        "no more than 24 significant bits.*float32",
        np.sinh,
        lambda x, dy: (dy * np.cosh(x)).astype(np.float32).astype(np.float64),
        X,
    ),
}
SAID = {
    "dy": "same, bit for bit, where dy is rounded to {0}.*: dy is cast to {0}",
    "inside": "twice as large for 2 dy, and off by .* for 3 dy: it is rounded to few bits on the way, as by {0}",
    "claims": r"(no more than \d+ significant bits: something is cast to {0})|(rounded to few bits.*as by {0})",
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


@pytest.mark.parametrize("to", ["float32", "float16"])
@pytest.mark.parametrize("where", SAID)
def test_a_cast_is_told_wherever_it_stands(where, to, named):
    """Entries of ones are right in every format: of a dy of ones nothing is lost."""
    named("precision", SAID[where].format(to), layer, lambda x, w, dy: backward(x, w, dy, to, where), X, W)


def test_a_cast_beside_another_mistake_is_not_what_is_told(named):
    def twice(x, w, dy):
        dx, dw = backward(x, w, dy, "float32", "dy")
        return 2 * dx, 2 * dw

    named("factor", "2 times", layer, twice, X, W)


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "a small error of one sign": (bits.rounded, np.exp, lambda x, dy: dy * np.exp(x) * (1 + 1e-7 * x * x), X),
    "a small error that is a function": (
        bits.rounded,
        np.exp,
        lambda x, dy: dy * np.exp(x) * (1 + 1e-7 * np.sin(9 * x)),
        X,
    ),
    "a number of sixteen bits": (bits.narrow, np.sinh, lambda x, dy: dy * np.exp(x), X),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))


def test_a_dy_has_no_more_bits_than_a_y_of_a_narrow_dtype_which_is_no_cast_on_the_way():
    """A claim that is the same for a dy of float16 has a cast of it where y has more bits, else it need not."""
    e = types.SimpleNamespace(bad=np.zeros(3, bool), unit=False, all_claimed=X[0], leaf=0, name="x")

    def told(y):
        near = types.SimpleNamespace(y=y.astype(np.float64))
        return bits.few(types.SimpleNamespace(near=near, narrowed=lambda leaf: "float16", rounding=lambda leaf: 0.0), e)

    y = np.sin(X).ravel()
    assert told(y.astype(np.float16)) is None
    for wider in (y, y.astype(np.float32), np.round(8 * y)):
        assert "dy is cast to float16 on the way" in told(wider).sentence
