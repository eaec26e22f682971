"""The entry whose claim differences over one step contradict most, found by halves of all that moves."""

import dataclasses

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.numeric.tabulate import Line
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground


@dataclasses.dataclass(frozen=True)
class Worst:
    """An entry, the cotangent for which its claim is contradicted most, and by how much of a step of its scale."""

    probe: Probe
    column: int
    off: float


def worst_entry(ground: Ground, c: Comparison, h: float) -> Worst | None:
    """Follow the half of which the claim is farther from a difference over h; None outside the domain."""
    point = ground.place.point
    direction = c.probe.direction(point)
    claims = np.concatenate([ground.claim.values[i].reshape(len(c.claimed), -1) for i in direction], axis=1)
    d = np.concatenate([v.ravel() for v in direction.values()])
    starts = np.cumsum([0, *(v.size for v in direction.values())])

    def off(entries: np.ndarray) -> np.ndarray:
        part = np.zeros(d.size)
        part[entries] = d[entries]
        pieces = {
            i: part[start : start + v.size].reshape(v.shape)
            for (i, v), start in zip(direction.items(), starts[:-1], strict=True)
        }
        line = line_at(ground, pieces)
        return claims[:, entries] @ part[entries] - line.projected(line.at(h) - line.at(-h)) / (2 * h)

    entries = np.flatnonzero(d)
    left = off(entries)
    if not np.isfinite(left).all():
        return None
    column = int(np.abs(left).argmax())
    while entries.size > 1:
        first, second = np.split(entries, [entries.size // 2])
        here = off(first)
        there = left - here
        entries, left = (first, here) if abs(here[column]) >= abs(there[column]) else (second, there)
    entry = int(entries[0])
    which = int(np.searchsorted(starts, entry, side="right")) - 1
    leaf = list(direction)[which]
    probe = Probe(leaf, coordinate=int(entry - starts[which]))
    unit = float(np.abs(probe.direction(point)[leaf]).max())
    return Worst(probe, column, float(abs(left[column]) * unit / abs(d[entry])))


def line_at(ground: Ground, direction: dict[int, np.ndarray]) -> Line:
    return Line(ground.problem, ground.place.point, direction, ground.place.g, ground.place.y.size)
