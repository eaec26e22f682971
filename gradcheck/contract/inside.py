"""A closer look at a promise that seems broken: dy may go through a narrow format inside, on a part of its way.

Changes of dy that are far below that format's roundings are not followed there: what a pullback makes of dy and a
small change together is not what it makes of both apart.  Of a wrong pullback that may be true as well; what such
roundings excuse is a few hundredths of the largest entry, and no more.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding
from gradcheck.contract.rounds import goes_round, left_open
from gradcheck.numeric.constants import UNIT
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.staircase import steps
from gradcheck.numeric.tabulate import Line
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import representable

FORMATS = (UNIT[np.dtype(np.float32)], UNIT[np.dtype(np.float16)])  # bfloat16 has no more bits than float16
BELOW = 2.0**-5  # of a narrow format's roundings: a change by that much crosses few of their boundaries
OWN = 8  # roundings of a cotangent's largest entry, in a sum
FOLLOWED = 1 / 4  # of a change: what is less than that apart may be roundings of the cotangents' own

Promise = Callable[[Call, Rounding, np.random.Generator], Iterator[Finding]]


def unless_rounded(promise: Promise, call: Call, rounding: Rounding, rng: np.random.Generator) -> Iterator[Finding]:
    """Yield what a promise finds, but failures only if roundings of narrow formats inside explain them not.

    What the narrowest format of all would not explain needs no closer look.  What is broken by no more, where no such
    format is met, may be left open by a loop.  Where a cotangent is not finite it keeps no promise about sums and
    sizes, and that is told already.
    """
    if not all(np.isfinite(d).all() for d in call.first):
        return
    call, state, found = call.remembering(), rng.bit_generator.state, list[Finding]()
    try:
        for finding in promise(call, rounding, rng):
            found.append(finding)
    except Exception:
        yield from found
        raise
    failing = _failing(found)
    if failing:
        narrowest = {leaf.name: 2 * max(FORMATS) for leaf in call.problem.leaves}
        still = _failing(promise(call, dataclasses.replace(rounding, narrow=narrowest), _again(rng, state)))
        if failing - still:
            closer = looked_at_closely(call, rounding, rng)
            left = failing if closer == rounding else _failing(promise(call, closer, _again(rng, state)))
            if left - still and goes_round(call):
                by_little = {array for _, array in left - still}
                found += [left_open(array) for array in dict.fromkeys(f.array for f in found) if array in by_little]
                left &= still
            still = left
        found = [f for f in found if f.severity != "fail" or (f.kind, f.array) in still]
    yield from found


def _again(rng: np.random.Generator, state: Mapping[str, Any]) -> np.random.Generator:
    """Return a generator that draws what this one drew from a state on: where all is well none is needed."""
    twin = copy.deepcopy(rng)
    twin.bit_generator.state = state
    return twin


def _failing(found: Iterable[Finding]) -> set[tuple[str, str | None]]:
    return {(f.kind, f.array) for f in found if f.severity == "fail"}


def looked_at_closely(call: Call, rounding: Rounding, rng: np.random.Generator) -> Rounding:
    """Return the roundings with those of narrow formats through which a part of dy, or of y, goes."""
    narrow = dict(rounding.narrow)
    for u in FORMATS:
        step = BELOW * u
        directions = rng.uniform(-1, 1, call.g[:1].shape)
        moved, farther = (representable(call.out, call.g[:1] * (1 + h * directions)) for h in (step, 2 * step))
        change = (moved[0] - call.g[0]) / step
        if not change.size or not (change != 0).mean() > 1 / 2:
            continue  # dy itself has no room for such changes
        pulled = [[np.asarray(d, np.float64) for d in call.pull(dy)] for dy in (moved[0], farther[0], change)]
        for leaf, a, b, c, alone in call.pairs(call.first, *pulled):
            if _follows_not(call, a, (b - a) / step, (c - b) / step, alone, step):
                narrow[leaf] = max(2 * u, narrow.get(leaf, 0.0))
    if not call.large and max(narrow.values(), default=0.0) < FORMATS[1] and _has_steps(call):
        narrow = {leaf.name: 2 * FORMATS[1] for leaf in call.problem.leaves}
    return dataclasses.replace(rounding, narrow=narrow)


def _follows_not(
    call: Call, a: np.ndarray, first: np.ndarray, second: np.ndarray, alone: np.ndarray, step: float
) -> bool:
    """Whether some entry of a cotangent changes by something else than what a change of dy gives alone.

    Where terms cancel an entry has the roundings of others that are larger.  And what follows a first change and a
    second alike is no rounding: what the change gives alone is off then, as where numbers are dropped that are small.
    """
    apart, own = np.abs(first - alone), OWN * call.u * np.abs(a).max(initial=0) / step
    alike = (np.abs(second - first) <= FOLLOWED * np.abs(first) + own) & (np.abs(first) > own)
    return bool(((apart > FOLLOWED * np.abs(alone) + own) & ~alike).any())


def _has_steps(call: Call) -> bool:
    """Whether the output moves in steps of a format of few bits."""
    point = [x.astype(np.float64) for x in call.point]
    direction = Probe(None).direction(point)
    return steps(Line(call.problem, point, direction, None, call.y.size)) is not None
