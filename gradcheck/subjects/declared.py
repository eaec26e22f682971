"""What a user declares of a subject that a check cannot know."""

import dataclasses

from gradcheck.subjects.findings import Finding

CONVENTIONS = ("torch", "jax")


@dataclasses.dataclass(frozen=True)
class Declared:
    """`noise` is the part of every number that the subject leaves open, as a solver with a tolerance does.

    `nondeterministic`: two calls of the backward pass may differ by more than roundings.  `convention`: whether the
    gradient with respect to z = x + i y is dx + i dy, as PyTorch has it, or dx - i dy, as JAX has it.
    """

    noise: float = 0.0
    nondeterministic: bool = False
    convention: str = "torch"

    def __post_init__(self) -> None:
        if isinstance(self.noise, bool) or not isinstance(self.noise, int | float):
            raise TypeError(f"gradcheck: noise must be a number, got {type(self.noise).__name__}")
        if not 0 <= self.noise < 1:
            raise ValueError(f"gradcheck: noise must lie in [0, 1), got {self.noise}")
        if not isinstance(self.nondeterministic, bool):
            got = type(self.nondeterministic).__name__
            raise TypeError(f"gradcheck: nondeterministic must be True or False, got {got}")
        if self.convention not in CONVENTIONS:
            raise ValueError(f"gradcheck: convention must be one of {', '.join(CONVENTIONS)}, got {self.convention!r}")

    def notes(self) -> list[Finding]:
        """Return what the report says of declarations."""
        if not self.noise:
            return []
        message = f"as declared, every number is taken for right to {self.noise:g} of its size"
        return [Finding("declared", message, "note")]


NOTHING = Declared()
