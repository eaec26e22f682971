"""When two cotangents are the same but for rounding: as much as roundings are measured to make."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.numeric.constants import UNIT
from gradcheck.numeric.points import jittered
from gradcheck.numeric.scales import scale
from gradcheck.precision.terms import MARGIN as TERM_MARGIN
from gradcheck.subjects.outputs import flat, representable

JITTERS = 2
REPEATS, MARGIN = 4, 16  # of inputs a few roundings away, and of the largest change that they make
JUMP = 1e-3  # of the largest entry
BELOW = 2.0**-8  # of a narrow format's roundings: changes of dy that it does not show, but a format twice as wide does
STILL = 0.5  # of a cotangent's entries
SUMMED = 2.0**13  # roundings that a sum in another order may make
CANCELLED = 64  # roundings of terms that cancel, which may be as large as y dy / x
MOST, FEWEST = 1024, 16  # times what a rounding of dy makes that terms which cancel may be off by, in any format
FEW = 8  # of the smallest numbers of a dtype, in which what is subnormal is rounded
COARSEST = 2.0**-5  # of the largest entry: float16 has no more than its 2^-11


@dataclasses.dataclass(frozen=True)
class Rounding:
    """What roundings make of each array's cotangent, by its name."""

    jitter: Mapping[str, float]  # how much it changes when dy does by a few roundings
    narrow: Mapping[str, float]  # twice the roundoff of a narrow format through which dy goes, or a declared noise
    natural: Mapping[str, float]  # what they make of it if its terms cancel as those of y do: of y, times dy / x
    terms: float  # of the largest cotangent of all
    most: float = MOST  # times the jitter that is allowed for

    def of_cancelled(self, leaf: str) -> float:
        """Allow for the roundings of terms as large as y dy / x, or as any cotangent."""
        return min(self.most, CANCELLED) * max(self.natural[leaf], self.terms)

    def of(self, leaf: str) -> float:
        """Allow for terms that cancel: as the cotangent changes with dy by a rounding, or as y dy / x rounds."""
        return self.most * self.jitter[leaf] + self.of_cancelled(leaf)


def near(a: Any, b: Any, slack: float | np.ndarray) -> bool:
    """Whether two arrays differ by at most `slack` everywhere."""
    if np.isnan(slack).any():
        return True  # made of numbers that are not finite, which is a finding of its own
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool((np.abs(a - b) <= slack).all() or np.array_equal(a, b, equal_nan=True))


def same(call: Call, rounding: Rounding, leaf: int, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two calls give the same but for what sums in varying order make of the cotangent of an array."""
    slack = of_sums(call.u) * np.abs(a).max(initial=0) + rounding.of_cancelled(call.problem.leaves[leaf].name)
    return near(a, b, slack) or near(a, b, TERM_MARGIN * call.u * call.terms(leaf))


def of_sums(u: float) -> float:
    """Return the part of the largest entry by which sums in another order may differ, in a format of this roundoff."""
    return min(SUMMED * u, COARSEST)


def smallest(call: Call, leaf: str) -> float:
    """Return a few of the smallest numbers of an array's dtype."""
    dtypes = (x.value.dtype for x in call.problem.leaves if x.name == leaf)
    return FEW * float(np.finfo(next(dtypes)).smallest_subnormal)


def measure_rounding(call: Call, rng: np.random.Generator) -> Rounding:
    """Change dy by a few roundings, and by parts of a narrow format's rounding.

    Where dy goes through a narrower format inside, changes far below that format's roundings leave most of a
    cotangent as it is.  What is declared to be left open of every number counts as such a format.
    """
    jitter = {leaf.name: 0.0 for leaf in call.problem.leaves}
    for _ in range(1 if call.large else JITTERS):
        for leaf, a, b in call.pairs(call.first, call.pull(jittered([call.g[0]], rng, call.u)[0])):
            jitter[leaf] = max(jitter[leaf], float(np.abs(a - b).max(initial=0)))
    size = float(np.abs(call.g).max(initial=0))
    natural = {leaf.name: call.noise * size / scale(leaf.value) for leaf in call.problem.leaves}
    largest = max((float(np.abs(d).max(initial=0)) for d in call.first), default=0.0)
    most = min(max(COARSEST / call.u, FEWEST), MOST)
    narrow = _narrow(call, rng)
    if noise := call.problem.declared.noise:
        narrow = {leaf: max(noise, narrow.get(leaf, 0.0)) for leaf in jitter}
    return Rounding(jitter, narrow, natural, call.u * largest, most)


def _narrow(call: Call, rng: np.random.Generator) -> dict[str, float]:
    narrow = {}
    for dtype in (np.float32, np.float16):
        moved = call.g[:1] * (1 + BELOW * UNIT[np.dtype(dtype)] * rng.uniform(-1, 1, call.g[:1].shape))
        if not moved.size or np.mean(representable(call.out, moved) == call.g[:1]) > STILL:
            break  # dy itself has no room for such changes
        for leaf, a, b in call.pairs(call.first, call.pull(moved[0])):
            moving = a != 0
            if moving.any() and np.mean(np.asarray(b)[moving] == a[moving]) > STILL:
                narrow[leaf] = 2 * UNIT[np.dtype(dtype)]
        if not narrow:
            break  # what shows changes that small shows larger ones
    return narrow


def sensitivity(call: Call, rounding: Rounding, rng: np.random.Generator) -> list[float]:
    """Return what the output and each cotangent may owe to roundings of the inputs, as those of a sum in another order.

    A mean of numbers far from zero but near each other carries many.  A change far above is none: a kink was crossed.
    """
    sizes = [x / call.u for x in (call.noise, *(rounding.natural[leaf.name] for leaf in call.problem.leaves))]
    changes = [np.zeros(len(sizes))]
    for _ in range(REPEATS):
        near_by = zip(jittered(call.point, rng, call.u), call.point, strict=True)
        try:
            out, pullback = call.problem.vjp([x.astype(kept.dtype) for x, kept in near_by])
        except Exception:  # whatever the user's code raises when a few roundings take it out of its domain
            continue
        found = [flat(out), *call.beside(out, pullback).pull(call.g[0])]
        rows = zip([call.y, *call.first], found, sizes, strict=True)
        changes.append(np.array([_change(*row) for row in rows]))
    return [MARGIN * change for change in np.max(changes, axis=0)]


def _change(a: np.ndarray, b: np.ndarray, size: float) -> float:
    change = float(np.abs(a - b).max(initial=0))
    return change if change <= JUMP * max(float(np.abs(a).max(initial=0)), size) else 0.0
