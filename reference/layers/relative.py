"""Relative positions in buckets: biases on scores, learned by distance.  Derivation: specs/layers/relative.md.

H heads, T query positions, S key positions, N buckets.
"""

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import expect_beside, integers
from reference.core.kinds import Size, shaped
from reference.core.layer import Layer
from reference.core.shapes import MOST, expect_ids, expect_shape, got
from reference.core.sums import as_rows
from reference.core.words import cut


class RelativePositions(Layer):
    """a[h, t, j] = table[bucket of j - t, h]: near distances have a bucket each, far ones share more and more."""

    table: Annotated[np.ndarray, shaped("N", "H")]
    both: bool = True  # keys ahead of a query have buckets of their own, half of all; else they count as at distance 0
    far: Size = 128    # from this distance on all share the last bucket

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        heads: Size,
        buckets: Size = 32,
        dtype: DTypeLike = np.float32,
        *,
        both: bool = True,
        far: Size = 128,
    ) -> Self:
        """Draw normal entries of standard deviation 1/2: weights of neighbours differ by a factor of 2, about."""
        return cls(rng.normal(scale=0.5, size=(buckets, heads)).astype(dtype), both, far)

    def vjp(
        self, *, queries: range | None = None, keys: range | None = None, position_ids: np.ndarray | None = None
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self]]]:
        """Return the biases a (1, H, T, S) of queries and keys at these positions, and the pullback da -> (d_self,).

        With `position_ids` (B or 1, T) these are the positions of queries and keys, and a is (B or 1, H, T, T).

        Raises:
            TypeError: the table is not floating or complex, positions are no ranges, or ids no integers.
            ValueError: the table has not two axes, or too few buckets, or `far` lies among those of one distance each,
                ids have not two axes or are negative, or there are ids beside queries or keys.

        Source: Raffel et al. 2020 (arXiv:1910.10683), sec. 2.1; which bucket it is, in their code only.
        """
        phi = self.table
        self._expect(queries, keys, position_ids)
        bucket = self._buckets(self._offsets(queries, keys, position_ids))          # (T, S)
        a = phi.T.take(bucket, axis=1)[None]                                        # (1, H, T, S)  # (relative.5)
        heads = phi.shape[1]
        batch, length = (1, len(bucket)) if position_ids is None else position_ids.shape

        def pullback(da: np.ndarray) -> tuple[Self]:
            if bucket.size == 0:
                return (self.cotangent(table=np.zeros_like(phi, dtype=da.dtype)),)
            if queries is not None and keys is not None:
                offsets = integers(range(keys.start - queries[-1], keys.stop - queries.start), phi)[None]
                chosen = integers(range(len(phi)), phi)[:, None] == self._buckets(offsets)  # (N, T + S - 1)
                dphi = chosen.astype(da.dtype) @ _along_diagonals(da[0])            # (N, H)        # (relative.6)
            else:
                da = da.swapaxes(0, 1).reshape(1, heads, *bucket.shape)             # (1, H, T, S)
                dphi = np.zeros_like(phi, dtype=da.dtype)
                numbers = integers(range(len(phi)), phi)[:, None]
                each = ((numbers == bucket[t]).astype(da.dtype) @ da[0, :, t].T for t in range(len(bucket)))
                dphi = sum(each, start=dphi)                                        # (N, H)        # (relative.8)
            return (self.cotangent(table=dphi),)

        return a.reshape(heads, batch, length, bucket.shape[1]).swapaxes(0, 1), pullback

    def _offsets(self, queries: Any, keys: Any, position_ids: Any) -> np.ndarray:
        """Return how far each key is ahead of each query (T, S); with ids of all sequences, one after the other."""
        if position_ids is None:
            return integers(keys, self.table) - integers(queries, self.table)[:, None]  # (T, S)    # (relative.1)
        ahead = position_ids[:, None] - position_ids[:, :, None]                    # (B, T, T)
        return as_rows(ahead)                                                       # (T, S)        # (relative.7)

    def _buckets(self, offset: np.ndarray) -> np.ndarray:
        """Return the bucket of each offset."""
        n = len(self.table) // 2 if self.both else len(self.table)
        m = n // 2
        distance = abs(offset) if self.both else np.maximum(-offset, 0)             # (T, S)        # (relative.2)
        steps = np.log(np.maximum(distance, m) / m) / math.log(self.far / m) * (n - m)
        shared = np.where(distance < self.far, m + np.floor(steps).astype(int), n - 1)  # (T, S)    # (relative.3)
        near = np.where(distance < m, distance, shared)
        return near + n * (offset > 0) if self.both else near                       # (T, S)        # (relative.4)

    def _expect(self, queries: Any, keys: Any, position_ids: Any) -> None:
        """Raise unless these are positions, and the table has buckets enough for its distances."""
        where = "RelativePositions"
        if position_ids is None:
            for name, at in (("queries", queries), ("keys", keys)):
                if not isinstance(at, range):
                    raise TypeError(f"{where}: {name} must be a range, got {got(at)}")
        elif queries is not None or keys is not None:
            raise ValueError(f"{where}: queries and keys must be None where there are position_ids, got both")
        else:
            expect_ids(where, "position_ids", position_ids, MOST)
            expect_beside(where, "position_ids", position_ids, self.table)
            if position_ids.ndim != 2:
                raise ValueError(f"{where}: position_ids must have shape (B, T), got {position_ids.shape}")
        expect_shape(where, "table", self.table, ("N", "H"))
        buckets = len(self.table)
        least = 4 if self.both else 2
        if buckets < least:
            raise ValueError(f"{where}: table must have at least {least} buckets, got {cut(buckets)}")
        near = buckets // least
        if self.far <= near:
            must = f"far must be above {near}, the distances with a bucket each"
            raise ValueError(f"{where}: {must}, got {cut(self.far)}")


def _along_diagonals(da: np.ndarray) -> np.ndarray:
    """Return the sums (T + S - 1, H) of da (H, T, S) over all pairs at one offset, from the last query on.

    All that stand at one offset share a bucket: what is left to sum are T + S numbers and not T S.
    """
    heads, queries, keys = da.shape
    rows = np.concatenate([da[:, ::-1], np.zeros_like(da, shape=(heads, queries, queries))], axis=2)
    columns = keys + queries - 1  # one less than a row has, so that each begins one further to the right
    rows = rows.reshape(heads, queries * (columns + 1))[:, : queries * columns]
    return rows.reshape(heads, queries, columns).sum(axis=1).T


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    layer = RelativePositions(rng.normal(size=(8, 3)), far=6)
    yield "both sides", layer, (), {"queries": range(7), "keys": range(9)}
    causal = RelativePositions(rng.normal(size=(5, 3)), both=False, far=7)
    yield "behind alone, in decoding", causal, (), {"queries": range(6, 10), "keys": range(10)}
    yield "position ids", layer, (), {"position_ids": np.array([[0, 1, 2, 0, 9, 3]])}
