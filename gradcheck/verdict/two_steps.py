"""Differences of a function of few digits: of those two wide steps tell what there is to know.

Smaller ones show the noise of the format alone.  An output in float16 is off by half of its last bit, on average by a
third of that, and as many outputs as a step changes are off independently.
"""

import dataclasses

import numpy as np

from gradcheck.claims.claim import ROUNDINGS
from gradcheck.numeric.extrapolate import of_two
from gradcheck.numeric.ladder import STEPS, moved
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground

WIDER, NARROWER = float(STEPS[0]), float(STEPS[1])
FEW = 3  # roundings of a number that are allowed for here; what they contradict is measured again, with more


def at_two_steps(ground: Ground, probe: Probe, stretch: float = 1.0, may_bend: bool = False) -> Comparison:
    """Return a comparison with what differences at two steps extrapolate to; all of the correction is its bar.

    The steps are `stretch` times as long as the widest of a ladder.  Where f `may_bend` the slopes to both sides are an
    interval, as those at a kink: a kink that is nearer than a format can tell is one at the point.
    """
    problem, place, c = ground.problem, ground.place, claimed(ground, probe)
    direction = probe.direction(place.point)
    wider, narrower = stretch * WIDER, stretch * NARROWER
    steps = [sign * h for h in (wider, narrower) for sign in (1, -1)]
    ends = [problem.attempt(moved(place.point, direction, h), place.y.size) for h in steps]
    largest = np.max(np.abs([place.y, *ends]), axis=0)
    changed = np.where(np.any([end != place.y for end in ends], axis=0), largest, 0)
    noise = FEW * ground.claim.u * root_sum_square(place.g * changed, axis=1)
    right, left = place.g @ (ends[2] - place.y) / narrower, place.g @ (place.y - ends[3]) / narrower
    central = np.array([place.g @ (ends[0] - ends[1]) / (2 * wider), (right + left) / 2])
    real = of_two(np.array([wider, narrower]), central, np.array([noise, noise]))
    if may_bend:
        low, high, blur = np.minimum(right, left), np.maximum(right, left), 2 * noise / narrower
        bends = high - low > blur
        bar, low, high = (np.where(bends, *pair) for pair in ((blur, real.bar), (low, real.low), (high, real.high)))
        real = dataclasses.replace(real, bar=bar, low=low, high=high, kink=bends)
    size = np.abs(c.claimed) if c.terms is None else c.terms
    claimed_bar = c.claimed_bar - (ROUNDINGS - FEW) * ground.claim.u * size
    return dataclasses.replace(c, real=real, claimed_bar=claimed_bar)
