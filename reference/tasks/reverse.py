"""The reverse task: say a sequence of symbols from its end to its beginning."""

from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.tasks.copy import Copy


class Reverse(Copy):
    """The symbols are 1 .. vocabulary."""

    training: Size = 4000
    vocabulary: Size = 16
    length: Size = 16

    title: ClassVar = "to say a sequence backwards"
    usual: ClassVar = {"batch": 32, "epochs": 6}

    def answers(self, source: np.ndarray) -> np.ndarray:
        return source[:, ::-1]
