"""Length extrapolation of addition: trained on numbers of few digits, judged by longer ones."""

from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.tasks.addition import PLUS, Addition
from reference.tasks.task import Examples


class AdditionLonger(Addition):
    """Zeros stand in front of short numbers, as many as the longest to judge by leave room for."""

    digits: Size = 3   # most of a number to train on
    longest: Size = 5  # of those to judge by, one of which at the least has more than those

    title: ClassVar = "to say sums of longer numbers than those trained on"
    texts: ClassVar = {
        "digits": "most of a number to train on",
        "longest": "digits of a number to judge by, one of which at the least has more than those",
    }

    def expect(self) -> None:
        if self.longest <= self.digits:
            raise ValueError(f"AdditionLonger: longest must be above digits, {self.digits}, got {self.longest}")
        super().expect()

    @property
    def places(self) -> int:
        return self.longest

    def draw(self, rng: np.random.Generator) -> tuple[Examples, Examples]:
        training, held_out = (self.sources(rng, count) for count in (self.training, self.held_out))
        short = np.arange(self.places) < self.places - self.digits
        for number in (slice(self.places), slice(self.places + 1, None)):
            training[:, number][:, short] = 1  # zeros
        digit = rng.integers(0, self.places - self.digits, self.held_out)
        held_out[np.arange(self.held_out), digit] = rng.integers(2, PLUS, self.held_out)  # none is zero
        return Examples(training, self.answers(training)), Examples(held_out, self.answers(held_out))
