"""Table of vectors, looked up by token id.  Derivation: specs/layers/embedding.md."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import expect_beside
from reference.core.cache import Ready
from reference.core.kinds import Size, shaped
from reference.core.layer import Layer
from reference.core.shapes import expect_ids, expect_shape
from reference.core.special import one_hot
from reference.core.sums import as_rows


class Embedding(Layer):
    """y = table[ids]."""

    table: Annotated[np.ndarray, shaped("V", "D")]

    @classmethod
    def init(cls, rng: np.random.Generator, vocabulary: Size, width: Size, dtype: DTypeLike = np.float32) -> Self:
        """Draw normal entries of standard deviation D^(-1/2): sqrt(D) times a row has entries of size 1."""
        return cls(table=rng.normal(scale=width ** -0.5, size=(vocabulary, width)).astype(dtype))

    def vjp(self, *, ids: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self]]]:
        """Map integer ids (...) to y (..., D).

        Raises:
            TypeError: ids is not an integer array, or the table not a floating or complex one.
            ValueError: an id is outside [0, V), the message names it and its position; the table has not two axes.

        Source: Bengio et al. 2003, "A neural probabilistic language model", sec. 2.
        """
        table = self.table
        expect_shape("Embedding", "table", table, ("V", "D"))
        expect_ids("Embedding", "ids", ids, len(table))
        expect_beside("Embedding", "ids", ids, table)
        y = table.take(ids, axis=0)                                     # (..., D)  # (embedding.1)

        def pullback(dy: np.ndarray) -> tuple[Self]:
            drows = as_rows(dy)                                         # (N, D)
            dtable = one_hot(ids, len(table), dy.dtype) @ drows         # (V, D)    # (embedding.2)
            return (self.cotangent(table=dtable),)

        return y, pullback

    def ready(self) -> Ready:
        """Return ids (...) -> y (..., D), for many calls; ids have been checked."""
        return lambda ids: self.table.take(ids, axis=0)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = Embedding(table=rng.normal(size=(7, 5)))
    yield "one id three times", layer, (), {"ids": np.array([[2, 0, 2], [5, 2, 6]])}
