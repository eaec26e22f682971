"""Residual connections, the only place with a skip.  Derivation: specs/layers/residual.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.layer import Layer
from reference.core.masks import causal, padding
from reference.layers.attention import MultiHeadAttention, SelfAttention
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm


class PreNorm(Layer):
    """y = x + inner(norm(x), ...).  Xiong et al. 2020 (arXiv:2002.04745), fig. 1b."""

    norm: Layer
    inner: Layer

    def vjp(self, x: np.ndarray, *others: Any, **constants: Any) -> tuple[np.ndarray, Callable[[np.ndarray], tuple]]:
        """Map x (..., D) to y (..., D); `others` and `constants` go to `inner` as they are.

        Raises:
            ValueError: inner returns another shape than that of x.
        """
        n, norm_pullback = self.norm.vjp(x)                             # (..., D)  # (residual.1)
        r, inner_pullback = self.inner.vjp(n, *others, **constants)     # (..., D)  # (residual.2)
        _expect_same_shape("PreNorm", r, x)
        y = x + r                                                       # (..., D)  # (residual.3)

        def pullback(dy: np.ndarray) -> tuple:
            d_inner, dn, *dothers = inner_pullback(dy)                  # (..., D)  # (residual.4)
            d_norm, dx_norm = norm_pullback(dn)                         # (..., D)  # (residual.5)
            dx = dy + dx_norm                                           # (..., D)  # (residual.6)
            return self.cotangent(norm=d_norm, inner=d_inner), dx, *dothers

        return y, pullback


class PostNorm(Layer):
    """y = norm(x + inner(x, ...)).  Vaswani et al. 2017, sec. 3.1."""

    norm: Layer
    inner: Layer

    def vjp(self, x: np.ndarray, *others: Any, **constants: Any) -> tuple[np.ndarray, Callable[[np.ndarray], tuple]]:
        """Map x (..., D) to y (..., D); `others` and `constants` go to `inner` as they are.

        Raises:
            ValueError: inner returns another shape than that of x.
        """
        r, inner_pullback = self.inner.vjp(x, *others, **constants)     # (..., D)  # (residual.7)
        _expect_same_shape("PostNorm", r, x)
        z = x + r                                                       # (..., D)  # (residual.8)
        y, norm_pullback = self.norm.vjp(z)                             # (..., D)  # (residual.9)

        def pullback(dy: np.ndarray) -> tuple:
            d_norm, dz = norm_pullback(dy)                              # (..., D)  # (residual.10)
            d_inner, dx_inner, *dothers = inner_pullback(dz)            # (..., D)  # (residual.11)
            dx = dz + dx_inner                                          # (..., D)  # (residual.12)
            return self.cotangent(norm=d_norm, inner=d_inner), dx, *dothers

        return y, pullback


def _expect_same_shape(where: str, r: np.ndarray, x: np.ndarray) -> None:
    if r.shape != x.shape:
        raise ValueError(f"{where}: inner must return the shape of x, {x.shape}, got {r.shape}")


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    x, memory = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 5, 8))
    norm = LayerNorm.init(8)
    for residual in (PreNorm, PostNorm):
        for name, inner, inputs, constants in (
            ("self", SelfAttention.init(rng, 8, 4), (x,), {"mask": causal(3)}),
            ("cross", MultiHeadAttention.init(rng, 8, 4), (x, memory), {"mask": padding(np.array([3, 0]), 5)}),
            ("feed-forward", FeedForward.init(rng, 8, 6), (x,), {}),
        ):
            layer = tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), residual(norm=norm, inner=inner))
            yield f"{residual.__name__}, {name}", layer, inputs, constants
