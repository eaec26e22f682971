"""Passages of a long text: what a model reads is what it must say, one token later.

L tokens of a text, N passages, T tokens of each.
"""

import dataclasses

import numpy as np

from reference.tasks.task import Examples


@dataclasses.dataclass(frozen=True, eq=False)
class Passages(Examples):
    """A source is empty (N, 0); the token before each passage, `first` (N, 1), stands where others have a start."""

    first: np.ndarray

    @property
    def target(self) -> np.ndarray:
        return np.concatenate([self.first, self.labels[:, :-1]], axis=1)


@dataclasses.dataclass(frozen=True, eq=False)
class Anywhere:
    """The passages of a text (L,), in memory or in a file, that begin at any token of it."""

    ids: np.ndarray
    length: int  # T

    def __len__(self) -> int:
        return len(self.ids) - self.length

    def __getitem__(self, starts: np.ndarray) -> Passages:
        found = self.ids[starts[:, None] + np.arange(self.length + 1)].astype(np.int64)     # (N, T + 1)
        return Passages(np.empty((len(found), 0), np.int64), found[:, 1:], found[:, :1])

    def order(self, rng: np.random.Generator, most: int) -> np.ndarray:
        """Return where the passages of an epoch begin (most,); some may be equal."""
        return rng.integers(len(self), size=most)


@dataclasses.dataclass(frozen=True, eq=False)
class Spread:
    """Passages that stand behind each other in a text, or as many as are wanted, at equal distances."""

    every: Anywhere
    most: int

    def __len__(self) -> int:
        return min((len(self.every.ids) - 1) // self.every.length, self.most)

    def __getitem__(self, rows: slice) -> Passages:
        starts = np.linspace(0, len(self.every) - 1, len(self)).astype(np.int64)    # (N,)
        whole = (len(self.every.ids) - 1) // self.every.length
        if len(self) == whole:
            starts = np.arange(whole) * self.every.length
        return self.every[starts[rows]]
