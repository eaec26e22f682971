"""Softmax-weighted sums of values whose keys come in blocks.  Derivation: specs/functions/online_softmax.md.

N queries, M keys in a block, K width of a value.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core.sums import row_maxima, row_sums


@dataclass(frozen=True, eq=False)
class OnlineSoftmax:
    """What is known of N rows of scores after some blocks of them; `absorb` makes that of one block more.

    Source: Milakov & Gimelshein 2018 (arXiv:1805.02867), algorithm 3; with the weighted sum,
    Rabe & Staats 2021 (arXiv:2112.05682), sec. 2.
    """

    m: np.ndarray  # (N, 1) largest score
    z: np.ndarray  # (N, 1) sum of exp(s - m)
    y: np.ndarray  # (N, K) sum of exp(s - m) c v

    @classmethod
    def start(cls, rows: int, width: int, dtype: DTypeLike, like: Any = None) -> Self:
        """Return the state before the first block, of arrays like `like`, by default of NumPy's own."""
        like = np.empty(0) if like is None else like
        z, y = (np.zeros_like(like, shape=(rows, n), dtype=dtype, order="C") for n in (1, width))
        return cls(np.full_like(z.real, -np.inf), z, y)                             # (online_softmax.1)

    def absorb(self, s: np.ndarray, v: np.ndarray, c: np.ndarray | None = None) -> Self:
        """Return the state after a block of scores s (N, M) of keys with the values v (M, K), -inf where hidden.

        c (N, M), if given, multiplies the weights after the softmax, as dropout does.
        """
        m = np.maximum(self.m, row_maxima(s.real))                          # (N, 1)  # (online_softmax.2)
        e = s - _finite(m)
        np.exp(e, out=e)                                                    # (N, M)  # (online_softmax.3)
        r = np.exp(self.m - _finite(m))                                     # (N, 1)  # (online_softmax.4)
        z = r * self.z + row_sums(e)                                        # (N, 1)  # (online_softmax.5)
        w = e if c is None else e * c
        y = r * self.y + w @ v                                              # (N, K)  # (online_softmax.6)
        return type(self)(m, z, y)

    def mean(self) -> np.ndarray:
        """Return o (N, K), 0 for a row that saw nothing."""
        return self.y / np.where(self.z == 0, 1, self.z)                    # (N, K)  # (online_softmax.7)

    def logsumexp(self) -> np.ndarray:
        """Return l (N, 1), the logarithm of the sum of exp(s), 0 for a row that saw nothing."""
        return _finite(self.m) + np.log(np.where(self.z == 0, 1, self.z))   # (N, 1)  # (online_softmax.8)


def _finite(m: np.ndarray) -> np.ndarray:
    """Return the shift of a row: its maximum, 0 where it has seen nothing."""
    return np.where(m == -np.inf, 0, m)
