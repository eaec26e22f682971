"""The parity task: say whether the ones of a sequence of bits are odd in number."""

from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.tasks.task import Task


class Parity(Task):
    """The bits 0 and 1 are the tokens 1 and 2."""

    length: Size = 16

    title: ClassVar = "to say whether the ones are odd in number"
    texts: ClassVar = {"length": "bits in a sequence"}

    @property
    def tokens(self) -> int:
        return 3

    @property
    def sizes(self) -> tuple[int, int]:
        return self.length, 1

    @property
    def possible(self) -> int:
        return 2 ** min(self.length, (self.training + self.held_out).bit_length())  # enough

    def sources(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return rng.integers(1, 3, (count, self.length))

    def answers(self, source: np.ndarray) -> np.ndarray:
        return 1 + (source - 1).sum(axis=1, keepdims=True) % 2

    def name_of(self, token: int) -> str:
        return str(token - 1)
