"""Entries that are rounded together: each takes a step of their sum to another place, however little it changes it.

So it is with h(sum of x^3) where an entry is near zero.  An entry's own jump, such as that of a branch, stays where it
is when others move.
"""

import dataclasses

import numpy as np

from gradcheck.numeric import staircase
from gradcheck.numeric.constants import GOLDEN
from gradcheck.numeric.hidden import Jump
from gradcheck.numeric.ladder import moved
from gradcheck.numeric.tabulate import Line

APART = 2.0**-8 * GOLDEN  # of the scale, by which entries move: by no multiple of the steps of a format
LEFT = 1 / 2  # of a jump, of which less is left where it was
SHARES = 4  # of an array, each of which must move a step: two entries that are compared are in two at the most
OUTPUTS = 4  # of those that step, one place each


def moves_step(line: Line, jump: Jump, column: int, direction: dict[int, np.ndarray]) -> bool:
    """Whether a jump along a line is not where it was, once other entries have gone to either side."""
    for h in (APART, -APART):
        aside = dataclasses.replace(line, point=moved(line.point, direction, h))
        change = line.projected(aside.at(jump.after) - aside.at(jump.before))[column]
        if not np.abs(change) < LEFT * jump.size:
            return False
    return True


def all_move_steps(line: Line, met: staircase.Steps) -> bool:
    """Whether each step that was met along a line is moved by each of some shares of what moves there."""
    return all(
        moves_step(line, jump, met.column, {i: _share(d, k) for i, d in line.direction.items()})
        for jump in met.places
        for k in range(SHARES)
    )


def _share(d: np.ndarray, k: int) -> np.ndarray:
    return np.where(np.arange(d.size) % SHARES == k, d.ravel(), 0).reshape(d.shape)


@dataclasses.dataclass(frozen=True)
class Place:
    """A step of one output along a line."""

    line: Line
    jump: Jump

    def is_moved(self, direction: dict[int, np.ndarray]) -> bool:
        """Whether entries that move in this direction are rounded with those of the line."""
        return moves_step(self.line, self.jump, 0, direction)


def places(line: Line, outputs: np.ndarray) -> list[Place]:
    """Return one step along a line for each of some `outputs` (indices); not of all, if there are more than a few."""
    found = []
    for output in outputs[:: max(1, -(-outputs.size // OUTPUTS))]:
        alone = dataclasses.replace(line, g=np.eye(1, line.outputs, int(output)))
        met = staircase.steps(alone, several=1)
        found += [] if met is None else [Place(alone, met.places[0])]
    return found
