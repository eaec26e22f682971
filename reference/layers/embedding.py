"""Table of vectors, looked up by token id.  Derivation: specs/layers/embedding.md."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import expect_beside
from reference.core.cache import Ready
from reference.core.kinds import AboveZero, Size, shaped
from reference.core.layer import Layer
from reference.core.shapes import expect_ids, expect_shape
from reference.core.special import rows_added
from reference.core.sums import as_rows
from reference.core.words import cut

FARTHEST = 100  # standard deviations: no normal number that is drawn lies beyond


class Embedding(Layer):
    """y = table[ids], and 0 where the id is `padding`, whose row is never read and gets no gradient."""

    table: Annotated[np.ndarray, shaped("V", "D")]
    padding: int | None = None

    @classmethod
    def init(
        cls, rng: np.random.Generator, vocabulary: Size, width: Size, dtype: DTypeLike = np.float32,
        *, padding: int | None = None, size: AboveZero = 1.0,
    ) -> Self:  # fmt: skip
        """Draw normal entries of standard deviation size D^(-1/2): sqrt(D) times a row has entries of that size."""
        where = f"{cls.__name__}.init"
        _expect_padding(where, padding, vocabulary)
        if not size * FARTHEST <= float(np.finfo(dtype).max):
            raise ValueError(f"{where}: size must be one at which {np.dtype(dtype)} holds what is drawn, got {size:g}")
        table = rng.normal(scale=size * width ** -0.5, size=(vocabulary, width)).astype(dtype)
        return cls(table=table, padding=padding)

    def vjp(self, *, ids: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self]]]:
        """Map integer ids (...) to y (..., D).

        Raises:
            TypeError: ids is not an integer array, or the table not a floating or complex one.
            ValueError: an id is outside [0, V), the message names it and its position, or so is padding; the
                table has not two axes.

        Source: Bengio et al. 2003, "A neural probabilistic language model", sec. 2; padding as PyTorch's `padding_idx`.
        """
        table = self.table
        expect_shape("Embedding", "table", table, ("V", "D"))
        expect_ids("Embedding", "ids", ids, len(table))
        expect_beside("Embedding", "ids", ids, table)
        _expect_padding("Embedding", self.padding, len(table))
        y = table.take(ids, axis=0)                                     # (..., D)  # (embedding.1)
        if self.padding is not None:
            y = _without(y, ids, self.padding)                          # (..., D)  # (embedding.3)

        def pullback(dy: np.ndarray) -> tuple[Self]:
            drows = as_rows(dy)                                         # (N, D)
            dtable = rows_added(ids, drows, len(table))                 # (V, D)    # (embedding.2)
            if self.padding is not None:
                dtable[int(self.padding)] = 0                           # (V, D)    # (embedding.4)
            return (self.cotangent(table=dtable),)

        return y, pullback

    def ready(self) -> Ready:
        """Return ids (...) -> y (..., D), for many calls; ids have been checked."""
        if self.padding is None:
            return lambda ids: self.table.take(ids, axis=0)
        return lambda ids: _without(self.table.take(ids, axis=0), ids, self.padding)


def _without(y: np.ndarray, ids: np.ndarray, padding: Any) -> np.ndarray:
    """Return y (..., D), and 0 where ids (...) are `padding`."""
    return np.where((ids == padding)[..., None], 0, y)


def _expect_padding(where: str, padding: Any, vocabulary: int) -> None:
    if padding is not None and not 0 <= padding < vocabulary:
        raise ValueError(f"{where}: padding must lie in [0, {vocabulary}), got {cut(padding)}")


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = Embedding(table=rng.normal(size=(7, 5)))
    ids = np.array([[2, 0, 2], [5, 2, 6]])
    yield "one id three times", layer, (), {"ids": ids}
    yield "padding", Embedding(table=rng.normal(size=(7, 5)), padding=2), (), {"ids": ids}
