"""What all promises are tried against: one forward pass, and the first call of its pullback."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.precision.terms import terms
from gradcheck.subjects.outputs import like
from gradcheck.subjects.problem import Problem


@dataclasses.dataclass(frozen=True)
class Call:
    """A forward pass at the given point and what its pullback made of the first of two cotangents.

    When a promise is tried the pullback has been called before, more than once: what it does only the first time, or
    has done to the world, is to be looked for in `returned`, or by a fresh `problem.vjp`.
    """

    problem: Problem
    point: list[np.ndarray]
    y: np.ndarray  # (m,)
    g: np.ndarray  # (2, m)
    out: Any  # y as the subject returned it
    pullback: Callable[[Any], tuple[Any, Any]]
    returned: list[Any]  # the cotangents, the very objects
    first: list[np.ndarray]  # copies of them, in float64
    u: float  # twice the roundoff of the narrowest format in sight
    noise: float  # what roundings make of y
    large: bool
    known: dict[bytes | int, Any] | None = None  # answers to what is asked again, where one is enough

    def remembering(self) -> "Call":
        """Return this call with a subject that is asked once for each cotangent, and once for each array's terms."""
        return dataclasses.replace(self, known={})

    def beside(self, out: Any, pullback: Callable[[Any], tuple[Any, Any]]) -> "Call":
        """Return this call with what another forward pass returned, of whose pullback nothing is known."""
        return dataclasses.replace(self, out=out, pullback=pullback, known=None)

    def pull(self, g: np.ndarray) -> list[Any]:
        """Return what the pullback makes of a cotangent (m,), for each array."""

        def ask() -> list[Any]:
            return self.problem.pull(self.pullback, like(self.out, g, self.problem.protect))

        if self.known is None:
            return ask()
        return self._once(hashlib.blake2b(g.tobytes()).digest(), lambda: [np.array(d) for d in ask()])

    def terms(self, leaf: int) -> np.ndarray:
        """Return the size of what may cancel in an array's cotangent."""
        return self._once(leaf, lambda: terms(self.problem, self.point, leaf, self.y))

    def _once(self, key: bytes | int, ask: Callable[[], Any]) -> Any:
        if self.known is None:
            return ask()
        if key not in self.known:
            self.known[key] = ask()
        return self.known[key]

    def pairs(self, *lists: list) -> Iterator[tuple]:
        """Yield the name of each array with its entries of some lists."""
        yield from ((leaf.name, *row) for leaf, *row in zip(self.problem.leaves, *lists, strict=True))
