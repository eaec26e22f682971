"""Roundings of a format of few bits inside, such as float16's or bfloat16's: f moves in steps, whatever it does else.

What a polynomial over many of the steps leaves is their noise, if f jumps wherever that is large: halve an interval
again and again, and what f changes there more than along its slope stays what it is.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.constants import (
    ALONE,
    AMONG,
    BRAIN,
    CLEAR,
    COARSEST,
    DEGREE,
    GOLDEN,
    INSIDE,
    LEAST,
    MOST,
    NARROW,
    POINTS,
    REACHES,
    SEVERAL,
    U,
)
from gradcheck.numeric.hidden import Jump, staying
from gradcheck.numeric.tabulate import Line


@dataclasses.dataclass(frozen=True)
class Steps:
    """The noise (standard deviation) of <g, f> that steps make, and the largest of them that was seen (G,).

    And some of the places on the line, where <g, f> of one column steps.
    """

    noise: np.ndarray
    jump: np.ndarray
    column: int = 0
    places: tuple[Jump, ...] = ()


def steps(line: Line, finest: float = ALONE * NARROW, several: int = SEVERAL) -> Steps | None:
    """Return the steps in which <g, f> moves, or None where there are none.

    Steps as fine as those of float32, or finer, are none here, unless finer ones are asked for; and of fewer than
    `several` jumps each may be one of f's own.
    """
    for reach in REACHES:
        t, values = _values(line, reach)
        if not np.isfinite(values).all():
            continue
        left, found, size = _left(line, t, values)
        column = int((found / np.where(size > 0, size, 1)).argmax())
        if not finest * size[column] < found[column] < MOST * size[column]:
            return None
        order = _likeliest(np.diff(left[:, column]))
        least = max(CLEAR * U * size[column], LEAST * found[column])
        jumps = _jumps(line, column, [(t[k], t[k + 1]) for k in order], least, several)
        if len(jumps) >= several:
            largest = max(jump.size for jump in jumps)
            return Steps(found, largest * found / found[column], column, tuple(jumps))
        if not jumps:
            return None
    return None


def smooth(line: Line) -> np.ndarray:
    """Return for which cotangents (G,) a polynomial leaves no more than the roundings of float32."""
    return share(line, REACHES) <= ALONE * NARROW


def share(line: Line, reaches: tuple[float, ...]) -> np.ndarray:
    """Return what a polynomial leaves, of what is rounded (G,), over the first reach that stays within the domain.

    Without one it is not a number.
    """
    for reach in reaches:
        t, values = _values(line, reach)
        if np.isfinite(values).all():
            _, found, size = _left(line, t, values)
            return found / np.where(size > 0, size, 1)
    return np.full(line.outputs if line.g is None else len(line.g), np.nan)


def _values(line: Line, reach: float) -> tuple[np.ndarray, np.ndarray]:
    t = reach * (2 * (np.arange(POINTS) + GOLDEN * np.arange(POINTS) % 1) / POINTS - 1)
    return t, np.array([line.at(x) for x in t])


def _left(line: Line, t: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what a polynomial leaves (L, G), its standard deviation and the size of what is rounded (G,)."""
    size = line.rounded(np.where((values != values[0]).any(axis=0), np.abs(values).max(axis=0), 0))
    return *residual(t, line.projected(values - values[0]), DEGREE), size


def residual(t: np.ndarray, values: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what a polynomial leaves of values (L, G) at some points (L,), and its standard deviation (G,)."""
    basis = np.polynomial.chebyshev.chebvander(t / np.abs(t).max(), degree)
    q = np.linalg.qr(basis)[0]
    left = values - q @ (q.T @ values)
    return left, np.sqrt(np.square(left).sum(axis=0) / (len(t) - degree - 1))


def _likeliest(changes: np.ndarray) -> list[int]:
    """Return the intervals that change most to either side: of steps all alike those without one stand out as well."""
    up, down = np.argsort(-changes)[: AMONG // 2], np.argsort(changes)[: AMONG // 2]
    return [int(i) for i in np.stack([up, down], axis=1).ravel()]


def _jumps(
    line: Line, column: int, intervals: list[tuple[float, float]], least: float, several: int = SEVERAL
) -> list[Jump]:
    """Return the jumps that some intervals have, as far as they must be known."""
    found: list[Jump] = []
    for i, (start, stop) in enumerate(intervals):
        jump = jump_between(line, column, start, stop, least)
        found += [] if jump is None else [jump]
        if len(found) == several or len(found) + len(intervals) - i - 1 < several:
            break
    return found


def jump_between(line: Line, column: int, start: float, stop: float, least: float) -> Jump | None:
    """Return by how much <g, f> jumps between two points, in one column; None where it does not."""

    def change(a: np.ndarray, b: np.ndarray, t: float, h: float) -> float:
        slope = slopes[0] + (t + h / 2 - start) / (stop - start) * (slopes[1] - slopes[0])
        return float(np.abs(line.projected(b - a)[column] - slope * h))

    ends = (start, start + INSIDE), (stop - INSIDE, stop)
    slopes = [line.projected(line.at(right) - line.at(left))[column] / INSIDE for left, right in ends]
    return staying(line, change, start, stop - start, least)


def roundoffs(level: float) -> tuple[float, ...]:
    """Return the roundoffs to be tried, the finest first, of steps of a noise that is this part of f.

    Where only a part of f is coarse the noise is less than that of the format.
    """
    return (BRAIN,) if level > COARSEST / 4 else (2.0**-11, BRAIN)
