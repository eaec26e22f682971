"""Claims integrated along a segment, for subjects of low precision.

Steps that float32 can take cross kinks, and differences over them contradict a right claim, or show few digits.  But
whatever lies on the way, f(x + h d) - f(x - h d) is the integral of the derivative.  So the claim at x is compared
with itself plus what the difference has more than the mean of the claims between the two ends: a claim that is wrong
by a factor keeps all of its error, one that is right over a kink keeps none.
"""


import numpy as np

from gradcheck.numeric.extrapolate import Estimate
from gradcheck.numeric.ladder import STEPS, moved
from gradcheck.verdict.compare import Comparer
from gradcheck.verdict.comparison import Comparison

LOW = 2.0**-40  # roundoff of a subject that is followed along segments
LENGTHS = (1, 2, 3, 4, 5, 6)  # levels of the ladder
FIRST, NODES = 12, 240  # points of a segment, one in each of as many equal parts: to choose its length, to integrate
BESIDE, ODD = 2.0**-4, 1 / 8  # of the segment, where claims are looked at; of their distance to the one at x
MARGIN = 3  # a kink is known to one part: with all signs at random this is ten standard deviations
BELOW = 8  # roundoffs of an output are that much larger than the noise of one value, where no noise was measured


def follow(found: list[Comparison], comparer: Comparer, need: float) -> None:
    """Where differences of a subject of low precision contradict the claim, or resolve less than needed, integrate."""
    if comparer.analytic.u < LOW:
        return
    for c in found:
        if c.real is None or c.sweep is None or (c.resolved and not c.outside().any() and not _wide(c, need)):
            continue
        if (c.jump | (c.real.still & (c.claimed == 0))).any():  # a jump is in no integral of claims
            continue
        segments = [_Segment(comparer, c, float(STEPS[level]), FIRST) for level in LENGTHS]
        shortest = min(segments, key=lambda s: float(np.max(s.rounding + s.unknown * FIRST / NODES)))
        best = _Segment(comparer, c, shortest.h, NODES)
        value, bar = best.value, best.rounding + best.unknown
        better = c.outside() | ~c.real.resolved | (bar < c.real.bar)
        value, bar = np.where(better, value, c.real.value), np.where(better, bar, c.real.bar)
        low, high = np.where(better, value, c.real.low), np.where(better, value, c.real.high)
        c.real = Estimate(value, bar, low, high, c.real.kink & ~better, c.real.jump, c.real.still)
        c.followed = True


def _wide(c: Comparison, need: float) -> bool:
    assert c.real is not None
    return bool((c.real_tolerance > need * np.maximum(np.abs(c.claimed), np.abs(c.real.value))).any())


class _Segment:
    """The derivative as the claim plus what the difference over 2 h has more (G,), and the two parts of its bar."""

    def __init__(self, comparer: Comparer, c: Comparison, h: float, nodes: int):
        point, g = comparer.place.point, comparer.place.g
        assert c.sweep is not None
        direction, self.h = c.probe.direction(point), h
        with np.errstate(all="ignore"):
            ends = [comparer.problem.attempt(moved(point, direction, s * h), g.shape[1]) for s in (1, -1)]
            slope = g @ (ends[0] - ends[1]) / (2 * h)
            parts = (np.arange(nodes) + comparer.rng.uniform(size=nodes)) / nodes
            claims = np.array([_claim(comparer, direction, t) for t in h * (2 * np.array([0, *parts, 1]) - 1)])
        noise = comparer.level if comparer.level > 0 else comparer.analytic.u / BELOW
        value = _steady(comparer, c, direction, h) + slope - claims[1:-1].mean(axis=0)
        known = np.isfinite(value)
        self.value = np.where(known, value, np.nan)
        self.rounding = np.where(known, 4 * noise * c.sweep.weight.max(axis=0) / h, np.inf)
        self.unknown = MARGIN * np.sqrt(np.square(np.diff(claims, axis=0)).sum(axis=0)) / nodes


def _steady(comparer: Comparer, c: Comparison, direction: dict[int, np.ndarray], h: float) -> np.ndarray:
    """Return the claim at x, but where claims beside it agree with each other and not with that, theirs (G,)."""
    beside = np.array([_claim(comparer, direction, t) for t in (-BESIDE * h, BESIDE * h)])
    agree = np.abs(beside[0] - beside[1]) <= ODD * np.abs(c.claimed - beside.mean(axis=0))
    return np.where(agree, beside.mean(axis=0), c.claimed)


def _claim(comparer: Comparer, direction: dict[int, np.ndarray], t: float) -> np.ndarray:
    """Return <B(g), d> (G,) at x + t d."""
    try:
        claims = comparer.problem.gradients(moved(comparer.place.point, direction, t), comparer.place.g)
    except Exception:  # whatever the user's code raises outside its domain
        return np.full(len(comparer.place.g), np.nan)
    return np.sum([claims[i].reshape(len(claims[i]), -1) @ d.ravel() for i, d in direction.items()], axis=0)
