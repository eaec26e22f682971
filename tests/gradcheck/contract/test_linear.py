"""A pullback is linear in dy: in any part of the dtype's range, and for a dy of any structure."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

X = np.random.default_rng(1).normal(size=(4, 3))


def kinds(spoil, x=X):
    """What kinds of failure a pullback of sin has that sees spoil(dy) in place of dy."""
    report = gradcheck.check(pair(np.sin, lambda x, dy: spoil(dy) * np.cos(x)), x)
    failures = {f.kind for f in report.findings if f.severity == "fail"}
    assert (report.verdict == "fail") == bool(failures)
    return failures


def to_float32(g):
    return g.astype(np.float32).astype(np.float64)


RIGHT = {
    "as sign times magnitude": lambda g: np.sign(g) * np.abs(g),
    "zero rows skipped": lambda g: np.where(g.any(axis=1, keepdims=True), g, 0),
    "scaled by a power of two and back": lambda g: (g * 2.0**30) * 2.0**-30,
    "scaled by another number and back": lambda g: (g * 1e-8) * 1e8,
    "denormals flushed": lambda g: np.where(np.abs(g) < 2.3e-308, 0, g),
    "overflow far out": lambda g: (g * 1e120) * 1e-120,
    "logarithm and exponential": lambda g: np.sign(g) * np.expm1(np.log1p(np.abs(g))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_linear_but_for_rounding_passes(name):
    assert not kinds(RIGHT[name])


FAR = {
    "clipped at 1e5": lambda g: np.clip(g, -1e5, 1e5),
    "clipped at 1e100": lambda g: np.clip(g, -1e100, 1e100),
    "infinite beyond float16": lambda g: np.where(np.abs(g) > 65504, np.inf, g),
    "flushed below 1e-6": lambda g: np.where(np.abs(g) < 1e-6, 0, g),
    "flushed below 1e-140": lambda g: np.where(np.abs(g) < 1e-140, 0, g),
    "tanh of 1e-6": lambda g: 1e6 * np.tanh(g / 1e6),
    "an epsilon": lambda g: g / (np.abs(g) + 1e-14) * np.abs(g),
    "scaled to norm 1e5": lambda g: g * min(1, 1e5 / max(np.linalg.norm(g), 1e-300)),
}


@pytest.mark.parametrize("name", FAR)
def test_a_pullback_is_linear_far_from_ordinary_sizes(name):
    assert "homogeneous" in kinds(FAR[name])


def nonzero(g):
    return np.count_nonzero(g)


STRUCTURED = {
    "columns with a zero skipped": lambda g: g * (g != 0).all(axis=0),
    "divided by the number of nonzeros": lambda g: g * g.size / max(nonzero(g), 1),
    "halved beside a zero": lambda g: g * np.where(np.roll(g, 1, axis=1) == 0, 0.5, 1),
    "one-hot: doubled": lambda g: g * (2 if nonzero(g) == 1 else 1),
    "all equal: divided": lambda g: g / g.size if (g == g.flat[0]).all() else g,
    "its first nonzero doubled": lambda g: g if g.all() else g * (1 + (np.cumsum(g != 0) == 1).reshape(g.shape)),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_pullback_adds_up_however_dy_is_taken_apart(name):
    assert kinds(STRUCTURED[name]) & {"additive", "homogeneous"}


def test_no_part_of_dy_is_lost_where_another_output_has_none():
    def vjp(x):
        return (np.sin(x), x * x), lambda dy: (dy[0] * np.cos(x) + 2 * x * dy[1]) * (dy[1] != 0)

    def whole(x):
        return (np.sin(x), x * x), lambda dy: dy[0] * np.cos(x) + 2 * x * dy[1]

    assert gradcheck.check(whole, X).verdict == "pass"
    assert "additive" in {f.kind for f in gradcheck.check(vjp, X).findings if f.severity == "fail"}


BITS = {
    "through float32": to_float32,
    "through float16": lambda g: g.astype(np.float16).astype(np.float64),
    "of 10 decimals": lambda g: np.round(g, 10),
    "in fixed point": lambda g: np.round(np.ldexp(g, 30)) / 2**30,
    "one entry through float32": lambda g: np.where(np.arange(g.size).reshape(g.shape) == 7, to_float32(g), g),
}


@pytest.mark.parametrize("name", BITS)
def test_every_bit_of_dy_counts(name):
    assert kinds(BITS[name])


@pytest.mark.parametrize("top", [1e4, 65504.0])
def test_a_float32_layer_is_linear_in_the_range_of_float32(top):
    x = X.astype(np.float32)
    assert not kinds(lambda g: g * 1, x)
    assert "homogeneous" in kinds(lambda g: np.clip(g, -top, top).astype(g.dtype), x)
