"""Whose steps are met: those of a number format, whose slope is that of what is rounded, or f's own.

A quantiser and ranks have a derivative of their own between two steps: zero, or what else is there.
"""

import dataclasses
from collections.abc import Collection, Iterator

import numpy as np

from gradcheck.numeric.constants import (
    ALONE,
    BENT,
    FINE,
    GROWN,
    LATE,
    MOST,
    MULTIPLE,
    MULTIPLES,
    NARROW,
    NEAR_ZERO,
    NEARER,
    NEAREST,
    OUTPUTS,
    POWER,
    REACHES,
    SEVERAL,
    STAYS,
)
from gradcheck.numeric.hidden import Jump
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.staircase import Steps, share, steps
from gradcheck.numeric.tabulate import Line


def is_of_format(line: Line, met: Steps) -> bool:
    """Whether steps that were met may be those of a format: smaller for smaller numbers, elsewhere for other ones.

    Those of a quantiser are as large for smaller numbers.  Where it takes its scale from the numbers, as from the
    largest, and where ranks step, f is the same at all multiples of a point, and each step lies where it did; those of
    a format do so for powers of two alone.
    """
    return is_relative(line) and not any(_stays(line, jump, met.column) for jump in met.places)


def is_coarse(line: Line) -> bool:
    """Whether outputs that move in steps do so in coarser ones than those of float32, but for few, which may cancel.

    What many outputs add up to is larger than any, and their steps no finer.
    """
    shares = share(dataclasses.replace(line, g=None), REACHES)
    stepping = shares[shares > NARROW / ALONE]
    return bool(stepping.size) and bool(np.median(stepping) > ALONE * NARROW)


def is_relative(line: Line) -> bool:
    """Whether steps are smaller for smaller numbers, as those of a format are, and those of a quantiser are not.

    All numbers are made smaller, and those alone that move: a factor that gets smaller as well hides a quantiser.  Fine
    steps tell it nearer to zero, where there are many still, and also if f is less than its slope promises.
    """
    here = share(line, REACHES[:1])
    column, parts = int(here.argmax()), {frozenset(range(len(line.point))), frozenset(line.direction)}
    factor = NEARER if not here.max() <= FINE else NEARER**2
    nearer = (share(_times(line, factor, which), REACHES[:1]) for which in parts)
    return all(not there.max() >= MOST and not there[column] > GROWN * here[column] for there in nearer)


def _times(line: Line, factor: float, which: Collection[int]) -> Line:
    """Return a line of whose arrays some are multiplied, and what moves there with them."""
    point = [x * factor if i in which else x for i, x in enumerate(line.point)]
    return dataclasses.replace(line, point=point, direction={i: d * factor for i, d in line.direction.items()})


def takes_its_scale(line: Line) -> bool:
    """Whether steps near zero, where what is smooth is linear, lie at the same places of all multiples of a point."""
    nearest = _times(line, NEAREST, range(len(line.point)))
    met = steps(nearest, finest=0.0)
    return met is not None and all(_stays(nearest, jump, met.column, BENT) for jump in met.places)


def are_surely_of_format(line: Line) -> bool:
    """Whether there are steps near zero as well, as there are of every format, and few of what a quantiser rounds.

    Of a format there are none, either, where it rounds a sum with a number that stays.  But then they are powers of two
    of several sizes, times a number that they share, as no steps of one grid are.
    """
    near_zero = _times(line, NEAR_ZERO, range(len(line.point)))
    return steps(near_zero, finest=0.0) is not None or _are_powers_of_two(line)


def _are_powers_of_two(line: Line) -> bool:
    """Whether all steps of some outputs, and at some multiples of a point, are powers of two of one another.

    No multiple is a power of two itself.  All entries move of the arrays that move along the line.
    """
    direction = Probe(None, seed=1).direction(line.point)
    line = dataclasses.replace(line, direction={i: direction[i] for i in line.direction})
    some = range(0, line.outputs, max(1, -(-line.outputs // OUTPUTS)))
    alone = [dataclasses.replace(line, g=np.eye(1, line.outputs, k)) for k in some]
    found = [size for there in alone for size in _sizes(there, 1)]
    for factor in MULTIPLES:
        found += _sizes(_times(line, factor, range(len(line.point))), SEVERAL)
    powers = np.log2(np.array(found) / found[0]) if found else np.zeros(0)
    return np.unique(np.round(powers)).size > 1 and bool((np.abs(powers - np.round(powers)) <= POWER).all())


def _sizes(line: Line, several: int) -> Iterator[float]:
    """Yield the sizes of some steps along a line, beside its slope: the largest of any output."""
    met = steps(line, finest=0.0, several=several)
    for jump in () if met is None else met.places:
        before, after, beyond = (line.at(t) for t in (jump.before, jump.after, 2 * jump.after - jump.before))
        yield float(np.abs(2 * after - before - beyond).max())


def _stays(line: Line, jump: Jump, column: int, within: float = LATE) -> bool:
    """Whether <g, f> of a multiple of the point, that is none by a power of two, jumps where it did."""
    multiple = _times(line, MULTIPLE, range(len(line.point)))
    start, stop = jump.before - within, jump.after + within  # the multiples are rounded
    before, after, beyond = (multiple.at(t) for t in (start, stop, 2 * stop - start))
    change = multiple.projected(after - before)[column] - multiple.projected(beyond - after)[column]
    return bool(np.abs(change) >= STAYS * jump.size)
