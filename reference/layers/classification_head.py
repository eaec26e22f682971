"""Logits of a whole sequence, read off its first position.  Derivation: specs/layers/classification_head.md.

B batch, S positions, D width, C classes.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.kinds import Share, Size
from reference.core.layer import Layer
from reference.core.randomness import expect_generator
from reference.core.shapes import expect_shape
from reference.functions.tanh import tanh_vjp
from reference.layers.dropout import Dropout
from reference.layers.linear import Linear


class ClassificationHead(Layer):
    """logits = output(drop(tanh(dense(x[:, 0])))): the first position stands for the sequence."""

    dense: Linear   # D -> D
    output: Linear  # D -> C
    dropout: Share = 0.0

    @property
    def width_out(self) -> int:
        return self.output.width_out

    @classmethod
    def init(
        cls, rng: np.random.Generator, width: Size, classes: Size, dtype: DTypeLike = np.float32, dropout: Share = 0.0
    ) -> Self:
        """Draw both maps as Linear does."""
        dense = Linear.init(rng, width, width, dtype)
        output = Linear.init(rng, width, classes, dtype)
        return cls(dense=dense, output=output, dropout=dropout)

    def vjp(
        self, x: np.ndarray, *, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map x (B, S, D), S at least 1, to logits (B, C).

        Raises:
            TypeError: x is not a floating or complex array, or rng not a generator.
            ValueError: x has not the shape (B, S, D), or S is 0.

        Source: Devlin et al. 2018 (arXiv:1810.04805), sec. 3 and 4.1; the map with tanh is in their code only.
        """
        expect_generator("ClassificationHead", rng)
        expect_shape("ClassificationHead", "x", x, ("B", "S", self.dense.w.shape[0]))
        if x.shape[1] == 0:
            raise ValueError(f"ClassificationHead: x must have at least one position, got {x.shape}")
        first = x[:, 0].copy()  # a view would keep all of x for the pullback  # (B, D)  # (classification_head.1)
        a, dense_pullback = self.dense.vjp(first)                           # (B, D)     # (classification_head.2)
        p, tanh_pullback = tanh_vjp(a)                                      # (B, D)     # (classification_head.3)
        h, drop_pullback = Dropout(self.dropout).vjp(p, rng=rng)            # (B, D)     # (classification_head.4)
        logits, output_pullback = self.output.vjp(h)                        # (B, C)     # (classification_head.5)
        shape = x.shape

        def pullback(dlogits: np.ndarray) -> tuple[Self, np.ndarray]:
            d_output, dh = output_pullback(dlogits)                         # (B, D)     # (classification_head.6)
            _, dp = drop_pullback(dh)                                       # (B, D)     # (classification_head.7)
            da = tanh_pullback(dp)                                          # (B, D)     # (classification_head.8)
            d_dense, dfirst = dense_pullback(da)                            # (B, D)     # (classification_head.9)
            dx = np.zeros_like(dfirst, shape=shape)
            dx[:, 0] = dfirst                                               # (B, S, D)  # (classification_head.10)
            return self.cotangent(dense=d_dense, output=d_output), dx

        return logits, pullback


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    dense = Linear(w=rng.normal(scale=0.5, size=(5, 5)), b=rng.normal(scale=0.5, size=5))
    output = Linear(w=rng.normal(size=(5, 4)), b=rng.normal(size=4))
    x = rng.normal(size=(2, 3, 5))
    yield "(2, 3, 5) to 4", ClassificationHead(dense, output), (x,), {}
    yield "dropout 0.4", ClassificationHead(dense, output, 0.4), (x,), {"rng": np.random.default_rng(1)}
