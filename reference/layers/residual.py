"""Residual connections, the only place with a skip.  Derivation: specs/layers/residual.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.cache import begin, go_on
from reference.core.layer import Layer
from reference.core.masks import causal, padding
from reference.core.outputs import expect_alone, join, split
from reference.core.randomness import randomness
from reference.core.roles import Drop, OfArrays, OfOne
from reference.layers.attention import MultiHeadAttention, SelfAttention
from reference.layers.dropout import Dropout
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.stochastic_depth import StochasticDepth


class PreNorm(Layer):
    """y = x + drop(after(inner(norm(x), ...))).  Xiong et al. 2020 (arXiv:2002.04745), fig. 1b, without after."""

    norm: OfOne
    inner: OfArrays
    drop: Drop | None = None  # Dropout or StochasticDepth: what it lets through of the branch
    after: OfOne | None = None  # another norm, of what inner returns, as in Gemma 2

    def vjp(
        self, x: np.ndarray, *others: Any, rng: np.random.Generator | None = None, **constants: Any
    ) -> tuple[Any, Callable[[Any], tuple]]:
        """Map x (..., D) to y (..., D); `others` and `constants` go to `inner` as they are.

        Where inner returns (r, *auxiliary) the output is (y, *auxiliary).  `rng` goes to
        inner if it takes one, then to drop.

        Raises:
            TypeError: norm, drop or after returns more than one array.
            ValueError: norm, inner, after or drop returns another shape than that of x.
        """
        n, norm_pullback = self.norm.vjp(x)                             # (..., D)  # (residual.1)
        _expect_same_shape("PreNorm", "norm", n, x)
        out, inner_pullback = self.inner.vjp(n, *others, **constants, **randomness(self.inner, rng))
        r, auxiliary = split(out)                                       # (..., D)  # (residual.2)
        _expect_same_shape("PreNorm", "inner", r, x)
        if self.after is not None:
            r, after_pullback = self.after.vjp(r)                       # (..., D)  # (residual.17)
            _expect_same_shape("PreNorm", "after", r, x)
        if self.drop is not None:
            r, drop_pullback = self.drop.vjp(r, rng=rng)                # (..., D)  # (residual.3)
            _expect_same_shape("PreNorm", "drop", r, x)
        y = x + r                                                       # (..., D)  # (residual.4)

        def pullback(cotangents: Any) -> tuple:
            dy, dauxiliary = split(cotangents)
            d: dict[str, Any] = {}
            dr = dy                                                     # (..., D)  # (residual.19)
            if self.drop is not None:
                d["drop"], dr = drop_pullback(dy)                       # (..., D)  # (residual.9)
            if self.after is not None:
                d["after"], dr = after_pullback(dr)                     # (..., D)  # (residual.18)
            d_inner, dn, *dothers = inner_pullback(join(dr, dauxiliary))  # (..., D)  # (residual.10)
            d_norm, dx_norm = norm_pullback(dn)                         # (..., D)  # (residual.11)
            dx = dy + dx_norm                                           # (..., D)  # (residual.12)
            return self.cotangent(norm=d_norm, inner=d_inner, **d), dx, *dothers

        return join(y, auxiliary), pullback

    def cache(self, *sizes: Any, **options: Any) -> tuple:
        """Return what `step` needs, of `inner` by these arguments."""
        after = None if self.after is None else begin("PreNorm.cache", self.after)
        return begin("PreNorm.cache", self.norm), begin("PreNorm.cache", self.inner, *sizes, **options), after

    def step(self, x: np.ndarray, cache: tuple) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D); nothing is dropped."""
        norm, inner, after = cache
        r = go_on(self.inner, norm(x), inner)
        return x + (r if after is None else after(r))


class PostNorm(Layer):
    """y = norm(x + drop(inner(x, ...))).  Vaswani et al. 2017, sec. 3.1 and 5.4."""

    norm: OfOne
    inner: OfArrays
    drop: Drop | None = None  # Dropout or StochasticDepth: what it lets through of the branch

    def vjp(
        self, x: np.ndarray, *others: Any, rng: np.random.Generator | None = None, **constants: Any
    ) -> tuple[Any, Callable[[Any], tuple]]:
        """Map x (..., D) to y (..., D); `others`, `constants`, outputs, rng and errors as for PreNorm."""
        out, inner_pullback = self.inner.vjp(x, *others, **constants, **randomness(self.inner, rng))
        r, auxiliary = split(out)                                       # (..., D)  # (residual.5)
        _expect_same_shape("PostNorm", "inner", r, x)
        if self.drop is not None:
            r, drop_pullback = self.drop.vjp(r, rng=rng)                # (..., D)  # (residual.6)
            _expect_same_shape("PostNorm", "drop", r, x)
        z = x + r                                                       # (..., D)  # (residual.7)
        y, norm_pullback = self.norm.vjp(z)                             # (..., D)  # (residual.8)
        _expect_same_shape("PostNorm", "norm", y, x)

        def pullback(cotangents: Any) -> tuple:
            dy, dauxiliary = split(cotangents)
            d_norm, dz = norm_pullback(dy)                              # (..., D)  # (residual.13)
            dr, d_drop = dz, {}
            if self.drop is not None:
                d_drop["drop"], dr = drop_pullback(dz)                  # (..., D)  # (residual.14)
            d_inner, dx_inner, *dothers = inner_pullback(join(dr, dauxiliary))  # (..., D)  # (residual.15)
            dx = dz + dx_inner                                          # (..., D)  # (residual.16)
            return self.cotangent(norm=d_norm, inner=d_inner, **d_drop), dx, *dothers

        return join(y, auxiliary), pullback

    def cache(self, *sizes: Any, **options: Any) -> tuple:
        """Return what `step` needs, of `inner` by these arguments."""
        return begin("PostNorm.cache", self.norm), begin("PostNorm.cache", self.inner, *sizes, **options)

    def step(self, x: np.ndarray, cache: tuple) -> np.ndarray:
        """Map the next x (B, T, D) to y (B, T, D); nothing is dropped."""
        norm, inner = cache
        return norm(x + go_on(self.inner, x, inner))


def _expect_same_shape(where: str, name: str, r: Any, x: np.ndarray) -> None:
    expect_alone(where, name, r)
    if r.shape != x.shape:
        raise ValueError(f"{where}: {name} must return the shape of x, {x.shape}, got {r.shape}")


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
        if residual is PreNorm:
            layer = PreNorm(norm, FeedForward.init(rng, 8, 6), after=LayerNorm.init(8))
            layer = tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), layer)
            yield "PreNorm, feed-forward, a norm behind", layer, (x,), {}
        for drop in (Dropout(0.4), StochasticDepth(0.5)):
            layer = residual(norm=norm, inner=FeedForward.init(rng, 8, 6), drop=drop)
            layer = tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), layer)
            name = f"{residual.__name__}, feed-forward, {type(drop).__name__}"
            yield name, layer, (rng.normal(size=(4, 3, 8)),), {"rng": np.random.default_rng(1)}
