"""The sort task: say the symbols of a sequence in their order, each as often as it occurs."""

from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.tasks.copy import Copy


class Sort(Copy):
    """The symbols are 1 .. vocabulary."""

    training: Size = 4000
    vocabulary: Size = 16
    length: Size = 16

    title: ClassVar = "to say a sequence in order"
    usual: ClassVar = {"batch": 32, "epochs": 12}

    def answers(self, source: np.ndarray) -> np.ndarray:
        return np.sort(source, axis=1)
