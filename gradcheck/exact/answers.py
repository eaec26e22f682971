"""What balls say of one array, as plain data."""

import dataclasses
import math

PROVED, CONSTANTS, DIFFERS, NOT_FOLLOWED = "proved", "constants", "differs", "not followed"


@dataclasses.dataclass(frozen=True)
class Exact:
    """One of the answers "proved", "constants" (proved but for their rounding), "differs" and "not followed".

    `digits` is to how many decimal digits pullback and derivative were enclosed together; None where there is nothing
    but zeros, or no proof.  Where they differ, `relative` is by how much, beside the derivative at `index`.
    """

    answer: str
    digits: float | None = None
    reason: str = ""  # the call that balls cannot take, or the functions whose constants are rounded
    relative: float | None = None
    apart: float | None = None  # the same in the array's own units
    index: tuple[int, ...] | None = None
    claimed: str = ""  # at `index`, to the digits that show the difference
    derivative: str = ""

    def __str__(self) -> str:
        if self.answer == NOT_FOLLOWED:
            return f"not followed: {self.reason}"
        if self.answer == DIFFERS:
            unseen = ", which no float shows" if self.relative is not None and self.relative < 2.0**-53 else ""
            at = f" at [{', '.join(map(str, self.index))}]" if self.index else ""
            both = f"the pullback gives {self.claimed}, the derivative is {self.derivative}"
            size = "is not zero as the derivative is"
            if self.relative is not None:
                size = f"differs by {self.relative:.1e} of itself"
            return f"{size}{unseen}:{at} {both}"
        to = "to be zero" if self.digits is None else f"to {math.floor(self.digits)} digits"
        rounding = f", to the rounding of the constants in {self.reason}" if self.answer == CONSTANTS else ""
        return f"proved {to} here{rounding}"

    @property
    def is_proof(self) -> bool:
        return self.answer in (PROVED, CONSTANTS)
