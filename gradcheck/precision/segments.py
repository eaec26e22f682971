"""Claims integrated along a segment, for subjects of low precision.

Steps that float32 can take cross kinks, and differences over them contradict a right claim, or show few digits.  But
whatever lies on the way, f(x + h d) - f(x - h d) is the integral of the derivative.  So the claim at x is compared
with itself plus what the difference has more than the mean of the claims between the two ends: a claim that is wrong
by a factor keeps all of its error, one that is right over a kink keeps none.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.ladder import STEPS, moved
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.problem import Problem

LENGTHS = (1, 2, 3, 4, 5, 6)  # levels of the ladder
FIRST, NODES = 12, 240  # points of a segment, one in each of as many equal parts: to choose its length, to integrate
BESIDE, ODD = 2.0**-4, 1 / 8  # of the segment, where claims are looked at; of their distance to the one at x
MARGIN = 3  # a kink is known to one part: with all signs at random this is ten standard deviations


@dataclasses.dataclass(frozen=True)
class Line:
    """A direction at a place, with the claim along it and the size of one rounding of <g, f> (G,)."""

    problem: Problem
    place: Place
    direction: dict[int, np.ndarray]
    claimed: np.ndarray
    rounding: np.ndarray

    def claim(self, t: float) -> np.ndarray:
        """Return <B(g), d> (G,) at x + t d."""
        return self.summed(self.terms(self.claims(t)))

    def claims(self, t: float) -> list[np.ndarray]:
        """Return B(g) (G, *shape) at x + t d for every array."""
        try:
            return self.problem.gradients(moved(self.place.point, self.direction, t), self.place.g)
        except Exception:  # whatever the user's code raises outside its domain
            return [np.full((len(self.place.g), *x.shape), np.nan) for x in self.place.point]

    def terms(self, claims: list[np.ndarray]) -> list[np.ndarray]:
        """Return what every entry (G, n) of the arrays that move adds to the product of claims with the direction."""
        return [claims[i].reshape(len(claims[i]), -1) * d.ravel() for i, d in self.direction.items()]

    def summed(self, terms: list[np.ndarray]) -> np.ndarray:
        """Return the sum (G,) of what every entry adds."""
        return np.sum([each.sum(axis=1) for each in terms], axis=0)

    def projected(self, dy: np.ndarray) -> np.ndarray:
        """Return <g, dy> (G,) of a change of the outputs (m,)."""
        return self.place.g @ dy

    def size(self, changed: np.ndarray) -> np.ndarray:
        """Return the root of the sum of squares (G,) of what changed outputs (m,) add to <g, y>, of all if none did."""
        moving = np.where(changed | ~changed.any(), self.place.y, 0)
        return root_sum_square(self.place.g * moving, axis=1)

    def value(self, t: float) -> np.ndarray:
        """Return <g, f> (G,) at x + t d, less what it is at x."""
        place = self.place
        y = self.problem.attempt(moved(place.point, self.direction, t), place.g.shape[1])
        return self.projected(y - place.y)

    def steady(self, h: float) -> np.ndarray:
        """Return the claim at x, but where claims beside it agree with each other and not with that, theirs (G,)."""
        beside = np.array([self.claim(t) for t in (-BESIDE * h, BESIDE * h)])
        agree = np.abs(beside[0] - beside[1]) <= ODD * np.abs(self.claimed - beside.mean(axis=0))
        return np.where(agree, beside.mean(axis=0), self.claimed)


def unknown_of(claims: np.ndarray, parts: int) -> np.ndarray:
    """Return the error of a mean of claims (N, G), one in each of some equal parts, over kinks that may be anywhere."""
    return MARGIN * np.sqrt(np.square(np.diff(claims, axis=0)).sum(axis=0)) / parts


@dataclasses.dataclass(frozen=True)
class Segment:
    """The derivative as the claim plus what the difference over 2 h has more (G,), and the two parts of its bar."""

    h: float
    value: np.ndarray
    rounding: np.ndarray
    unknown: np.ndarray  # of the integral, for want of nodes


def integrated(line: Line, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivative (G,) and its bar from the segment of the best length."""
    segments = [_segment(line, float(STEPS[level]), FIRST, rng) for level in LENGTHS]
    shortest = min(segments, key=lambda s: float(np.max(s.rounding + s.unknown * FIRST / NODES)))
    best = _segment(line, shortest.h, NODES, rng)
    return best.value, best.rounding + best.unknown


def _segment(line: Line, h: float, nodes: int, rng: np.random.Generator) -> Segment:
    place = line.place
    with np.errstate(all="ignore"):
        forth, back = (moved(place.point, line.direction, s * h) for s in (1, -1))
        ends = [line.problem.attempt(point, place.g.shape[1]) for point in (forth, back)]
        slope = place.g @ (ends[0] - ends[1]) / (2 * h)
        parts = (np.arange(nodes) + rng.uniform(size=nodes)) / nodes
        claims = np.array([line.claim(t) for t in h * (2 * np.array([0, *parts, 1]) - 1)])
    value = line.steady(h) + slope - claims[1:-1].mean(axis=0)
    unknown = unknown_of(claims, nodes)
    known = np.isfinite(value) & np.isfinite(unknown)  # a segment that leaves the domain is none, however long
    rounding, unknown = (np.where(known, part, np.inf) for part in (4 * line.rounding / h, unknown))
    return Segment(h, np.where(known, value, np.nan), rounding, unknown)
