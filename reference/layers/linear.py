"""Affine map of the last axis.  Derivation: specs/layers/linear.md."""

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import expect_beside
from reference.core.cache import Ready
from reference.core.kinds import Size, shaped
from reference.core.layer import Layer
from reference.core.products import onto, product
from reference.core.shapes import expect_last_axis, expect_shape
from reference.core.sums import as_rows, column_sums


class Linear(Layer):
    """y = x w + b; without a bias, b is None and y = x w."""

    w: Annotated[np.ndarray, shaped("D", "K")]
    b: Annotated[np.ndarray, shaped("K")] | None

    @property
    def width_out(self) -> int:
        return self.w.shape[1]

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        width_in: Size,
        width_out: Size,
        dtype: DTypeLike = np.float32,
        *,
        bias: bool = True,
    ) -> Self:
        """Draw w uniformly with the variance of Glorot & Bengio 2010, eq. 16; b is zero, or None without `bias`."""
        limit = math.sqrt(6 / (width_in + width_out))
        w = rng.uniform(-limit, limit, (width_in, width_out))
        return cls(w=w.astype(dtype), b=np.zeros(width_out, dtype) if bias else None)

    def vjp(self, x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (..., D) to y (..., K).

        Raises:
            TypeError: x or a parameter is not a floating or complex array.
            ValueError: the last axis of x has not length D, or w and b do not fit together.
        """
        w, b = self.w, self.b
        expect_shape("Linear", "w", w, ("D", "K"))
        if b is not None:
            expect_shape("Linear", "b", b, (w.shape[1],))
        expect_last_axis("Linear", "x", x, w.shape[0])
        expect_beside("Linear", "x", x, w)
        rows = as_rows(x)                               # (N, D)
        y = rows @ w if b is None else onto(rows @ w, b)    # (N, K)    # (linear.1)

        def pullback(dy: np.ndarray) -> tuple[Self, np.ndarray]:
            drows = as_rows(dy)                         # (N, K)
            dx = drows @ w.T                            # (N, D)    # (linear.2)
            dw = rows.T @ drows                         # (D, K)    # (linear.3)
            d_bias = {} if b is None else {"b": column_sums(drows)}     # (linear.4)
            return self.cotangent(w=dw, **d_bias), dx.reshape(x.shape)

        return y.reshape(*x.shape[:-1], w.shape[1]), pullback

    def ready(self) -> Ready:
        """Return x (..., D) -> y (..., K), for many calls."""
        return product(self.w, self.b)


def draw_side_by_side(
    rng: np.random.Generator, width: int, widths: tuple[int, ...], dtype: DTypeLike, *, bias: bool = True
) -> Iterator[Linear]:
    """Draw maps D -> `widths` as the columns of one Linear, so with the variance 2 / (D + sum of `widths`).

    The scores then start a quarter as large, in variance, as those of maps that are drawn one by one,
    and the weights nearer to uniform.
    """
    joint = Linear.init(rng, width, sum(widths), dtype, bias=bias)
    for w in np.split(joint.w, np.cumsum(widths)[:-1], axis=1):
        yield Linear(w=np.ascontiguousarray(w), b=None if joint.b is None else np.zeros_like(w, shape=w.shape[1:]))


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = Linear(w=rng.normal(size=(7, 5)), b=rng.normal(size=5))
    yield "(2, 3, 7) to 5", layer, (rng.normal(size=(2, 3, 7)),), {}
    yield "without a bias", Linear(w=rng.normal(size=(7, 5)), b=None), (rng.normal(size=(2, 3, 7)),), {}
