"""The addition task: say the sum of two numbers, its last digit first, as it is carried."""

from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.core.shapes import MOST
from reference.tasks.task import Task

PLUS = 11  # the digits 0 .. 9 are 1 .. 10


class Addition(Task):
    """Both numbers have as many digits, zeros in front included; the sum has one more."""

    training: Size = 10000
    digits: Size = 3

    title: ClassVar = "to say a sum, last digit first"
    texts: ClassVar = {"digits": "of each number"}
    usual: ClassVar = {"model": "decoder-only", "batch": 32, "epochs": 5, "rate": 3e-3}

    @property
    def tokens(self) -> int:
        return PLUS + 1

    @property
    def places(self) -> int:
        """How many digits of a number are written down."""
        return self.digits

    @property
    def sizes(self) -> tuple[int, int]:
        return 2 * self.places + 1, self.places + 1

    @property
    def possible(self) -> int:
        return 100 ** min(self.digits, MOST.bit_length())

    def sources(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return np.insert(rng.integers(1, PLUS, (count, 2 * self.places)), self.places, PLUS, axis=1)

    def answers(self, source: np.ndarray) -> np.ndarray:
        a, b = (part[:, ::-1] - 1 for part in (source[:, : self.places], source[:, self.places + 1 :]))
        columns, carry = [], np.zeros(len(source), np.int64)
        for column in (a + b).T:
            carry, digit = np.divmod(column + carry, 10)
            columns.append(digit)
        return np.stack([*columns, carry], axis=1) + 1

    def name_of(self, token: int) -> str:
        return "+" if token == PLUS else str(token - 1)
