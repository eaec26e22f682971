"""The copy task: say a sequence of symbols again, symbol by symbol."""

import dataclasses
from typing import Self

import numpy as np

START = 0  # the token before the first; the symbols are 1 .. vocabulary


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Sequences to read, `source` (N, S), and what must be said, `labels` (N, T)."""

    source: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: slice | np.ndarray) -> Self:
        return type(self)(source=self.source[rows], labels=self.labels[rows])

    @property
    def target(self) -> np.ndarray:
        """What the decoder reads (N, T): the labels, one position later, after the start token."""
        start = np.full((len(self), 1), START)
        return np.concatenate([start, self.labels[:, :-1]], axis=1)

    def shuffled(self, rng: np.random.Generator) -> Self:
        """Return the same sources with the labels of others: a control, nothing can be learnt from it."""
        return type(self)(source=self.source, labels=rng.permutation(self.labels))


def expect_enough(vocabulary: int, length: int, wanted: int) -> None:
    """Raise ValueError unless `wanted` distinct sequences exist."""
    there = vocabulary ** min(length, wanted.bit_length())  # more than are wanted, if there are two symbols
    if wanted > there:
        raise ValueError(
            f"training and held-out must add up to at most {there:,}, "
            f"all sequences of length {length} from {vocabulary} symbols, got {wanted:,}"
        )


def split(
    rng: np.random.Generator, *, vocabulary: int, length: int, training: int, held_out: int
) -> tuple[Examples, Examples]:
    """Draw `training` and `held_out` examples; no sequence occurs twice in the two.

    Raises:
        ValueError: there are not that many distinct sequences.
    """
    wanted = training + held_out
    expect_enough(vocabulary, length, wanted)
    rows = np.empty((0, length), np.int64)
    while len(rows) < wanted:
        drawn = rng.integers(1, vocabulary + 1, (wanted, length))
        rows = np.concatenate([rows, drawn])
        whole = rows.view(np.dtype((np.void, rows.strides[0])))[:, 0]  # each as one item: np.unique has no slow axis
        _, first = np.unique(whole, return_index=True)
        rows = rows[np.sort(first)]
    drawn = rows[:wanted]
    return Examples(drawn[:training], drawn[:training]), Examples(drawn[training:], drawn[training:])
