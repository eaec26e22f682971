"""The path-star task: from the centre of a star to the end of the arm that is named.

Source: Bachmann & Nagarajan 2024 (arXiv:2403.06963), sec. 4.1.
"""

from typing import ClassVar

import numpy as np

from reference.core.kinds import Size
from reference.core.shapes import MOST
from reference.tasks.task import Task


class PathStar(Task):
    """A sequence is the edges in any order, each from the centre outwards, then the goal and the centre."""

    training: Size = 4000
    arms: Size = 3
    length: Size = 3  # edges of an arm
    nodes: Size = 16  # names of nodes, the tokens 1 .. nodes

    title: ClassVar = "to say the way from the centre of a star to a goal"
    texts: ClassVar = {
        "arms": "of the star",
        "length": "edges of an arm",
        "nodes": "names there are, as many as nodes in a star or more",
    }

    def expect(self) -> None:
        if self.nodes < (least := self.arms * self.length + 1):
            raise ValueError(f"PathStar: nodes must be at least {least}, as many as a star has, got {self.nodes}")
        super().expect()

    @property
    def tokens(self) -> int:
        return 1 + self.nodes

    @property
    def sizes(self) -> tuple[int, int]:
        return 2 * self.arms * self.length + 2, self.length + 1

    @property
    def possible(self) -> int:
        """Fewer than there are by the orders of the edges."""
        ways = 1
        for k in range(self.arms * self.length + 1):
            ways *= self.nodes - k
            if ways > MOST:
                break
        return ways

    def sources(self, rng: np.random.Generator, count: int) -> np.ndarray:
        names = 1 + rng.permuted(np.tile(np.arange(self.nodes), (count, 1)), axis=1)[:, : self.arms * self.length + 1]
        centre, arms = names[:, :1], names[:, 1:].reshape(count, self.arms, self.length)
        before = np.concatenate([np.repeat(centre[:, None], self.arms, axis=1), arms[:, :, :-1]], axis=2)
        edges = np.stack([before, arms], axis=3).reshape(count, self.arms * self.length, 2)
        order = rng.permuted(np.tile(np.arange(edges.shape[1]), (count, 1)), axis=1)
        shuffled = np.take_along_axis(edges, order[:, :, None], axis=1).reshape(count, -1)
        goal = np.take_along_axis(arms[:, :, -1], rng.integers(self.arms, size=(count, 1)), axis=1)
        return np.concatenate([shuffled, goal, centre], axis=1)

    def answers(self, source: np.ndarray) -> np.ndarray:
        before, after, way = source[:, :-2:2], source[:, 1:-2:2], [source[:, -2:-1]]
        for _ in range(self.length):  # from the goal back to the centre
            way.insert(0, np.take_along_axis(before, (after == way[0]).argmax(axis=1)[:, None], axis=1))
        return np.concatenate(way, axis=1)
