"""The copy task: say a sequence of symbols again, symbol by symbol."""

from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.tasks.task import Task


class Copy(Task):
    """The symbols are 1 .. vocabulary."""

    vocabulary: Size = 3
    length: Size = 8

    title: ClassVar = "to say a sequence again"
    any_length: ClassVar = True
    texts: ClassVar = {
        "vocabulary": "symbols, the start token not counted",
        "length": "symbols in a sequence",
    }

    @property
    def tokens(self) -> int:
        return self.vocabulary + 1

    @property
    def sizes(self) -> tuple[int, int]:
        return self.length, self.length

    @property
    def possible(self) -> int:
        wanted = self.training + self.held_out
        return self.vocabulary ** min(self.length, wanted.bit_length())  # enough, if there are two symbols

    def sources(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return rng.integers(1, self.vocabulary + 1, (count, self.length))

    def answers(self, source: np.ndarray) -> np.ndarray:
        return source
