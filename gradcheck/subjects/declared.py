"""What a user declares of a subject that a check cannot know."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from gradcheck.subjects.findings import Finding

CONVENTIONS = ("torch", "jax")
KINKS = ("between", "any")


@dataclasses.dataclass(frozen=True)
class Declared:
    """Exceptions, each of which is told in the report and covers what it names alone; see `gradcheck.Checker`."""

    noise: float = 0.0
    nondeterministic: bool = False
    convention: str = "torch"
    straight_through: Sequence[str] = ()
    kinks: str = "between"
    domain: Callable[..., Any] | None = None
    layouts: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.noise, bool) or not isinstance(self.noise, int | float):
            raise TypeError(f"gradcheck: noise must be a number, got {type(self.noise).__name__}")
        if not 0 <= self.noise < 1:
            raise ValueError(f"gradcheck: noise must lie in [0, 1), got {self.noise}")
        for name in ("nondeterministic", "layouts"):
            if not isinstance(getattr(self, name), bool):
                got = type(getattr(self, name)).__name__
                raise TypeError(f"gradcheck: {name} must be True or False, got {got}")
        for name, known in (("convention", CONVENTIONS), ("kinks", KINKS)):
            got = getattr(self, name)
            if not isinstance(got, str):
                raise TypeError(f"gradcheck: {name} must be one of {', '.join(known)}, got {type(got).__name__}")
            if got not in known:
                raise ValueError(f"gradcheck: {name} must be one of {', '.join(known)}, got {got!r}")
        names = self.straight_through
        if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(n, str) for n in names):
            got = repr(names) if isinstance(names, str) else type(names).__name__
            raise TypeError(f"gradcheck: straight_through must be a tuple of names of arrays, got {got}")
        if self.domain is not None and not callable(self.domain):
            raise TypeError(f"gradcheck: domain must be callable, got {type(self.domain).__name__}")

    def notes(self) -> list[Finding]:
        """Return what the report says of declarations; the convention is named where an array is complex."""
        said = []
        if self.noise:
            said.append(f"every number is taken for right to {self.noise:g} of its size")
        if self.nondeterministic:
            said.append("two calls of the backward pass may differ by more than roundings")
        said += [f"{name} is straight through: its gradient was not compared" for name in self.straight_through]
        if self.kinks == "any":
            said.append("any gradient is right for an entry at a kink")
        if self.domain is not None:
            said.append("points outside the domain do not count, nor do slopes that lead out of it")
        if not self.layouts:
            said.append("arrays came in one memory layout alone")
        return [Finding("declared", f"as declared, {what}", "note") for what in said]


NOTHING = Declared()
