"""Roundings of a narrow format inside, hidden beside a slope that has none.

Of x + h(x) with h in float32 the smallest differences show the slope 1 of x alone, smooth to the last bit, while h
stands on its grain.  Farther apart they show a noise, which might be a fine shape of f.  A rounding is a jump: halve
an interval with one again and again, and what f changes there more than along its slope stays what it is.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.numeric.constants import CLEAR, EARLY, EVERYWHERE, LATE, STAYS, U
from gradcheck.numeric.function import project
from gradcheck.numeric.tabulate import Line, Table


@dataclasses.dataclass(frozen=True)
class Jump:
    """By how much a function jumps between two points of a line, which are LATE apart or less."""

    size: float
    before: float
    after: float


def has_jumps(line: Line, wide: Table, fine: Table, which: np.ndarray) -> bool:
    """Whether what looks like noise in a wide table, in some columns (G,), is made of jumps.

    The slopes between them are read off a finer table.
    """
    slope = np.median(np.diff(fine.values, axis=0), axis=0)[which] / fine.spacing
    size = wide.size[which]

    def change(a: np.ndarray, b: np.ndarray, _: float, h: float) -> float:
        return float((np.abs(project(line.g, b - a)[..., which] - slope * h) / size).max())

    changes = np.abs(np.diff(wide.values, axis=0)[:, which] - slope * wide.spacing) / size
    if not (np.median(changes, axis=0) >= EVERYWHERE * changes.max(axis=0)).any():
        return False  # f itself jumps once, or has a pole
    order = np.argsort(-changes.max(axis=1), kind="stable")  # of f's own jumps the median one would have none
    starts = (order[[0, len(order) // 2]] - len(wide.values) // 2) * wide.spacing
    found = (staying(line, change, float(start), wide.spacing) for start in starts)
    return all(jump is not None and jump.size > CLEAR * U for jump in found)


Change = Callable[[np.ndarray, np.ndarray, float, float], float]  # between two values, from a point on, over a length


def staying(line: Line, change: Change, start: float, length: float, least: float = 0) -> Jump | None:
    """Return the change of an interval that is halved again and again, if it stays what it is as a jump's.

    The half that changes more is followed, as long as that is no less than the least.
    """
    left, right, early = line.at(start), line.at(start + length), np.inf
    while length > LATE:
        length /= 2
        middle = line.at(start + length)
        before = change(left, middle, start, length)
        after = change(middle, right, start + length, length)
        if before >= after:
            right = middle
        else:
            start, left = start + length, middle
        late = max(before, after)
        early = late if length > EARLY else early
        if late < least:
            return None
    return Jump(late, start, start + length) if STAYS * early <= late <= early / STAYS and late > 0 else None
