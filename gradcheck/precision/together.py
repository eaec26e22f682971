"""Blocks of an array that move at once, where each is seen by outputs that no other of them changes.

What moves one row of a softmax changes no other row, and of an activation every entry has an output of its own.  So f
is computed once for all of them, and what an output changes is due to one block: Curtis, Powell and Reid (1974), for
sparse Jacobians.  The claim of a block is taken of its entries whichever outputs it comes from.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.ladder import moved
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.precision.segments import Line
from gradcheck.subjects.problem import Problem

REACH = 8.0, 1.0, 1 / 8  # times the scale, by which a block is moved to see what it changes: a mean hides small steps


@dataclasses.dataclass(frozen=True)
class Together(Line):
    """A line along which blocks move; numbers are for each block and cotangent (B G,)."""

    blocks: np.ndarray  # (n,)  the block of every entry of the array, B of those in none
    owners: np.ndarray  # (m,)  the block that changes an output, B of those that none does

    @property
    def count(self) -> int:
        return len(self.claimed) // len(self.place.g)

    def projected(self, dy: np.ndarray) -> np.ndarray:
        return self._sums(self.place.g * dy, self.owners)

    def size(self, changed: np.ndarray) -> np.ndarray:
        """As of one line, for each block: of none of whose outputs changes it may be any output."""
        squares = np.square(self.place.g * self.place.y)
        moving = np.bincount(self.owners, changed, self.count + 1)[: self.count, None] > 0
        known = self._sums(squares * changed, self.owners).reshape(self.count, -1)
        return np.sqrt(np.where(moving, known, squares.sum(axis=1))).ravel()

    def summed(self, terms: list[np.ndarray]) -> np.ndarray:
        return self._sums(terms[0], self.blocks)

    def _sums(self, terms: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Return sums (B G,) of terms (G, k) by the block that each of the k belongs to."""
        return np.stack([np.bincount(of, row, self.count + 1)[: self.count] for row in terms], axis=1).ravel()


def line_of(
    problem: Problem, place: Place, probes: list[Probe], claimed: list[np.ndarray], changed: list[np.ndarray]
) -> Line:
    """Return one line along several blocks of an array that change no output in common, or along one probe."""
    nothing = np.zeros(0)
    if len(probes) == 1:
        return Line(problem, place, probes[0].direction(place.point), claimed[0], nothing)
    leaf, n = probes[0].array, len(probes)
    blocks, owners = np.full(place.point[leaf].size, n), np.full(place.y.size, n)
    for block, (probe, outputs) in enumerate(zip(probes, changed, strict=True)):
        blocks[probe.start : probe.start + probe.length(blocks.size)] = block
        owners[outputs] = block
    direction = np.sum([probe.direction(place.point)[leaf] for probe in probes], axis=0)
    return Together(problem, place, {leaf: direction}, np.concatenate(claimed), nothing, blocks, owners)


def apart(changed: list[np.ndarray], most: int) -> list[list[int]]:
    """Return groups of blocks, `most` at the most, in which no two change the same output (m,); the rest is in none."""
    groups: list[tuple[list[int], np.ndarray]] = []
    for block, outputs in enumerate(changed):
        for members, taken in groups:
            if not (taken & outputs).any():
                members.append(block)
                taken |= outputs
                break
        else:
            if len(groups) < most:
                groups.append(([block], outputs.copy()))
    return [members for members, _ in groups]


def changed_by(problem: Problem, place: Place, probe: Probe) -> np.ndarray:
    """Return which outputs (m,) a block changes."""
    direction = probe.direction(place.point)
    sides = [side * reach for reach in REACH for side in (1, -1)]
    ends = [problem.attempt(moved(place.point, direction, far), place.y.size) for far in sides]
    return np.any([y != place.y for y in ends], axis=0)
