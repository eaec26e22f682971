"""Length extrapolation of the copy task: trained on short sequences, judged by longer ones."""

from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.tasks.task import Examples, Task


class CopyLonger(Task):
    """The symbols are 1 .. vocabulary; one more fills what a short sequence leaves, before it and behind its answer."""

    training: Size = 4000
    vocabulary: Size = 8
    length: Size = 8    # most symbols of a sequence to train on
    longest: Size = 12  # of those to judge by, which are all longer

    title: ClassVar = "to say longer sequences again than those trained on"
    texts: ClassVar = {
        "vocabulary": "symbols, the start token not counted",
        "length": "most symbols of a sequence to train on",
        "longest": "most symbols of a sequence to judge by, all of which have more than those",
    }
    usual: ClassVar = {"model": "decoder-only", "batch": 32}  # whose kind of positions is to choose

    def expect(self) -> None:
        if self.longest <= self.length:
            raise ValueError(f"{type(self).__name__}: longest must be above length, {self.length}, got {self.longest}")
        super().expect()

    @property
    def tokens(self) -> int:
        return self.vocabulary + 2

    @property
    def filler(self) -> int:
        return self.tokens - 1

    @property
    def sizes(self) -> tuple[int, int]:
        return self.longest, self.longest

    @property
    def possible(self) -> int:
        """Twice the fewer of those to train on and those to judge by: each is drawn by itself."""
        wanted = self.training + self.held_out
        return 2 * self.vocabulary ** min(self.length, wanted.bit_length())

    def sources(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return self._of_lengths(rng, rng.integers(1, self.longest + 1, count))

    def draw(self, rng: np.random.Generator) -> tuple[Examples, Examples]:
        short = rng.integers(1, self.length + 1, self.training)
        long = rng.integers(self.length + 1, self.longest + 1, self.held_out)
        training, held_out = self._of_lengths(rng, short), self._of_lengths(rng, long)
        return Examples(training, self.answers(training)), Examples(held_out, self.answers(held_out))

    def _of_lengths(self, rng: np.random.Generator, lengths: np.ndarray) -> np.ndarray:
        rows = rng.integers(1, self.vocabulary + 1, (len(lengths), self.longest))
        return np.where(np.arange(self.longest) < self.longest - lengths[:, None], self.filler, rows)

    def answers(self, source: np.ndarray) -> np.ndarray:
        """Return the sequences with what fills them behind."""
        return np.take_along_axis(source, np.argsort(source == self.filler, axis=1, kind="stable"), axis=1)

    def name_of(self, token: int) -> str:
        return "_" if token == self.filler else str(token)
