"""Associative recall: say a key again, and the value that stood behind it.

Source: Graves et al. 2014 (arXiv:1410.5401), sec. 4.3; with pairs as in Arora et al. 2023 (arXiv:2312.04927).
"""

import string
from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.tasks.task import Task


class Recall(Task):
    """A sequence is keys, all different, each with its value, and then one of the keys.

    The value is said behind its key, as it stands in the sequence: where only the value is asked for, nothing is
    learned in three times the steps, because no part of the way there is worth anything alone.
    """

    training: Size = 4000
    pairs: Size = 8
    keys: Size = 16    # the tokens 1 .. keys
    values: Size = 16  # the tokens after them

    title: ClassVar = "to say a key again and its value"
    texts: ClassVar = {
        "pairs": "of a key and its value in a sequence",
        "keys": "there are, as many as pairs or more",
        "values": "there are",
    }
    usual: ClassVar = {"model": "decoder-only", "positions": "alibi", "heads": 8, "batch": 32, "epochs": 20}

    def expect(self) -> None:
        if self.keys < self.pairs:
            raise ValueError(f"Recall: keys must be at least as many as pairs, {self.pairs}, got {self.keys}")
        super().expect()

    @property
    def tokens(self) -> int:
        return 1 + self.keys + self.values

    @property
    def sizes(self) -> tuple[int, int]:
        return 2 * self.pairs + 1, 2

    @property
    def possible(self) -> int:
        """Fewer than there are by the orders of the keys."""
        wanted = self.training + self.held_out
        return self.keys * self.values ** min(self.pairs, wanted.bit_length())

    def sources(self, rng: np.random.Generator, count: int) -> np.ndarray:
        keys = 1 + rng.permuted(np.tile(np.arange(self.keys), (count, 1)), axis=1)[:, : self.pairs]
        values = 1 + self.keys + rng.integers(self.values, size=(count, self.pairs))
        pairs = np.stack([keys, values], axis=2).reshape(count, 2 * self.pairs)
        asked = np.take_along_axis(keys, rng.integers(self.pairs, size=(count, 1)), axis=1)
        return np.concatenate([pairs, asked], axis=1)

    def answers(self, source: np.ndarray) -> np.ndarray:
        keys, values, asked = source[:, :-1:2], source[:, 1::2], source[:, -1:]
        said = np.take_along_axis(values, (keys == asked).argmax(axis=1)[:, None], axis=1)
        return np.concatenate([asked, said], axis=1)

    def name_of(self, token: int) -> str:
        letters = string.ascii_lowercase
        if token > self.keys:
            return str(token - self.keys)
        return letters[(token - 1) % 26] + (str((token - 1) // 26) if token > 26 else "")
