"""What the tests of activations share: a layer around one, planted bugs, and claims that hold for each."""

from typing import Any

import numpy as np

from reference.core.layer import Layer
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-13, "atol": 1e-14}  # float64, a dozen roundings of numbers near 1
SHAPE = (2, 3, 5)
FLOAT32_ROUNDING = 2.0**-24


class Hidden(Layer):
    """An affine map, an activation, and another affine map."""

    first: Linear
    second: Linear
    activation: Any

    def vjp(self, x):
        a, first_pullback = self.first.vjp(x)
        h, activation_pullback = self.activation(a)
        y, second_pullback = self.second.vjp(h)

        def pullback(dy):
            d_second, dh = second_pullback(dy)
            d_first, dx = first_pullback(activation_pullback(dh))
            return self.cotangent(first=d_first, second=d_second), dx

        return y, pullback


def hidden(rng, activation):
    return Hidden(
        first=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)),
        second=Linear(w=rng.normal(size=(7, 4)), b=rng.normal(size=4)),
        activation=activation,
    )


def planted(function, wrong):
    """Return the vjp of `function` with `wrong(x, dy) -> dx` for its pullback."""
    return lambda x: (function(x), lambda dy: wrong(x, dy))


def arrays(rng):
    return rng.normal(size=SHAPE), rng.normal(size=SHAPE)


def near_and_far(rng):
    """Return numbers at 0, of either sign, close to it, and far from it."""
    x = 4 * rng.normal(size=SHAPE)
    x[0, 0] = 0.0, 3e-7, -3e-7, 9.0, -9.0
    return x


def run(vjp, x, dy):
    y, pullback = vjp(x)
    return y, pullback(dy)


def slopes(vjp, x):
    return run(vjp, x, np.ones_like(x))[1]


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def assert_far_inputs(vjp, below, above):
    """Far from 0 output and slope are those of the limits, `below` and `above` as (limit, slope); NaN stays NaN.

    A limit of infinity means that the output is the input itself.  An overflow on the way would be a warning.
    """
    for dtype in (np.float32, np.float64):
        far = np.array([1e4, 1e30, np.finfo(dtype).max, np.inf], dtype)
        for x, (limit, slope) in ((-far, below), (far, above)):
            y, dx = run(vjp, x, np.ones_like(x))
            np.testing.assert_array_equal(y, x if np.isinf(limit) else np.full_like(x, limit))
            np.testing.assert_array_equal(dx, np.full_like(x, slope))
        assert np.isnan(run(vjp, np.array([np.nan], dtype), np.ones(1, dtype))).all()


def assert_float32_accuracy(vjp, x, relative, absolute):
    """Output and slope in float32 are within so many roundings of float64."""
    x = x.astype(np.float32)
    for got, expected in zip(
        run(vjp, x, np.ones_like(x)), run(vjp, x.astype(np.float64), np.ones(x.shape)), strict=True
    ):
        assert got.dtype == np.float32
        np.testing.assert_allclose(
            got, expected, rtol=relative * FLOAT32_ROUNDING, atol=absolute * FLOAT32_ROUNDING
        )


def assert_complex_step(function, vjp, x):
    """Also at 0 of either sign, and where an input is less than a rounding of 1."""
    x = np.concatenate([x.ravel(), [0.0, -0.0, 1e-17, -1e-17]])
    for h in (1e-30, -1e-30):
        stepped = function(x + 1j * h)
        same(stepped.real, function(x))
        same(stepped.imag / h, slopes(vjp, x))


def assert_dtype_kept(vjp, rng):
    for dtype in (np.float32, np.float64, np.complex128):
        y, dx = run(vjp, *(z.astype(dtype) for z in arrays(rng)))
        assert y.dtype == dx.dtype == dtype


def assert_shape_kept(vjp):
    for shape in ((0,), (2, 0, 5), ()):
        y, dx = run(vjp, np.zeros(shape), np.zeros(shape))
        assert y.shape == dx.shape == shape


def assert_nothing_written(vjp, rng):
    """And the pullback may be called twice, with one answer in two arrays."""
    x, dy = arrays(rng)
    kept = x.copy(), dy.copy()
    x.flags.writeable = dy.flags.writeable = False
    y, pullback = vjp(x)
    output, first, second = y.copy(), pullback(dy), pullback(dy)
    np.testing.assert_array_equal(first, second)
    assert not np.shares_memory(first, second) and not np.shares_memory(first, y)
    np.testing.assert_array_equal((x, dy, y), (*kept, output))
