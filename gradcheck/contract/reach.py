"""How far a pullback scales: to the ends of its dtype's range, or as far as its own numbers let it.

Products of dy with other numbers may overflow, or vanish, near the ends of the range, but not in its middle.  What
overflows is no number; what vanishes loses its bits one by one as dy shrinks.  A clip gives numbers, and a flush takes
all bits at once: neither is excused.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding
from gradcheck.subjects.outputs import like

ROOM = 64  # powers of two, at most a quarter of all, between the numbers in sight and the ends of the range
LAST, FEW = 8, 4  # of them between the numbers in sight and the smallest normal one; none where there are so few
AT_ONCE = 2  # powers of two beyond the last good one: bits that are lost one by one leave most of a number
NEARER = 2.0**-3  # to zero, where what is made of inputs, such as exponentials, is far smaller
PART = 3 / 8  # of the largest entry, which nothing loses that far out but by a flush

Holds = Callable[[str, np.ndarray, np.ndarray, float], bool]


@dataclasses.dataclass(frozen=True)
class Reach:
    """Exponents of powers of two, from the ends of the range inwards, and what tells whether a multiple is right."""

    call: Call
    holds: Holds
    up: list[int]
    down: list[int]
    largest: float  # number of the format

    def held(self) -> Iterator[tuple[float, list]]:
        """Yield each power that is to be judged, with what the pullback makes of that multiple of dy."""
        for exponents, tried in ((self.up, self._upwards), (self.down, self._downwards)):
            if exponents:
                yield from tried(exponents)

    def _upwards(self, exponents: list[int]) -> Iterator[tuple[float, list]]:
        for exponent in exponents[:-1]:
            scaled = self._attempt(exponent)
            if scaled is not None and not self._overflows(exponent, scaled):
                yield 2.0**exponent, scaled
                return
        innermost = self._pull(exponents[-1])
        if all(np.isfinite(d).all() for d in innermost) or not self._is_finite_nearer(exponents[-1]):
            yield 2.0 ** exponents[-1], innermost

    def _is_finite_nearer(self, exponent: int) -> bool:
        """Whether nothing overflows where the inputs are smaller: then numbers that are not in sight do, as exp(80)."""
        call = self.call
        try:
            y, pullback = call.problem.vjp([x * x.dtype.type(NEARER) for x in call.point])
            found = call.problem.pull(pullback, like(y, 2.0**exponent * call.g[0], call.problem.protect))
        except Exception:  # whatever the user's code raises at a point that is not its own
            return False
        return all(np.isfinite(d).all() for d in found)

    def _downwards(self, exponents: list[int]) -> Iterator[tuple[float, list]]:
        outer = None
        for exponent in exponents:
            scaled = self._attempt(exponent)
            if scaled is not None and self._is_right(exponent, scaled):
                if outer is not None:
                    yield from self._between(exponent, outer)
                return
            outer = exponent
        yield 2.0 ** exponents[-1], self._pull(exponents[-1])

    def _between(self, inner: int, outer: int) -> Iterator[tuple[float, list]]:
        """Yield the power at which most of a cotangent is gone, just beyond one at which all of it is there."""
        while inner - outer > 1:
            middle = (inner + outer) // 2
            scaled = self._attempt(middle)
            right = scaled is not None and self._is_right(middle, scaled)
            inner, outer = (middle, outer) if right else (inner, middle)
        beyond = inner - AT_ONCE
        scaled = self._attempt(beyond)
        if scaled is not None and any(
            np.abs(a - b).max(initial=0) > PART * np.abs(a).max(initial=0) for _, a, b in self._pairs(beyond, scaled)
        ):
            yield 2.0**beyond, scaled

    def _pairs(self, exponent: int, scaled: list) -> Iterator[tuple]:
        return self.call.pairs([2.0**exponent * d for d in self.call.first], scaled)

    def _is_right(self, exponent: int, scaled: list) -> bool:
        return all(self.holds(leaf, a, b, 2.0**exponent) for leaf, a, b in self._pairs(exponent, scaled))

    def _overflows(self, exponent: int, scaled: list) -> bool:
        """Whether numbers left the range, among them those that are made numbers again: the largest, or zero."""
        for leaf, a, b in self._pairs(exponent, scaled):
            b = np.asarray(b, np.float64)
            made = ((b == 0) & (a != 0)) | (np.abs(b) >= self.largest)
            if not np.isfinite(b).all() or (made.any() and not self.holds(leaf, a, b, 2.0**exponent)):
                return True
        return False

    def _attempt(self, exponent: int) -> list[Any] | None:
        """Return B(2^exponent dy), or None where it raises: what overflows may be refused, as LAPACK's callers do."""
        try:
            return self._pull(exponent)
        except Exception:  # whatever the user's code raises for numbers that it cannot hold
            return None

    def _pull(self, exponent: int) -> list[Any]:
        return self.call.pull(2.0**exponent * self.call.g[0])


def reach(call: Call, rounding: Rounding, holds: Holds) -> Reach | None:
    """Return how far dy may be scaled; None if there are no numbers to tell by."""
    coarsest = max([call.u, *rounding.narrow.values()])
    wider = (dtype for dtype in (np.float64, np.float32) if float(np.finfo(dtype).eps) >= coarsest)
    info = np.finfo(next(wider, np.float16))
    tops = _largest([call.g[0], call.y, *call.first, *call.point])
    if not tops:
        return None
    room = min(ROOM, info.maxexp // 4)
    last, half = min(LAST, room - FEW), room // 8
    above, below = float(np.log2(max(tops))), float(np.log2(min(tops)))
    end = info.maxexp - int(np.frexp(max(_largest([call.g[0], *call.first]), default=1.0))[1])
    up = (min(end, info.maxexp - 1), int(info.maxexp - room - above), int(info.maxexp / 2 + half - above))
    down = (int(info.minexp + last - below), int(info.minexp + room - below), int(info.minexp / 2 - half - below))
    return Reach(call, holds, _inwards(up), [-e for e in _inwards([-e for e in down])], float(info.max))


def _inwards(exponents: Sequence[int]) -> list[int]:
    """Return those above 1, the last of which is judged whatever comes of it: where it is not above 1 that is 1."""
    *outer, last = exponents
    found = [e for e in outer if e > 1]
    return [*found, max(last, 1)] if found or last > 1 else []


def _largest(arrays: list[np.ndarray]) -> list[float]:
    """Return the largest entry of each array that has one other than zero."""
    found = (float(np.abs(np.asarray(x, np.float64)).max(initial=0)) for x in arrays)
    return [top for top in found if 0 < top < np.inf]
