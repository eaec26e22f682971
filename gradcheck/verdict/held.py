"""Claims of subjects that hold an ill-conditioned matrix, which its own roundings change more than f shows."""

import dataclasses

import numpy as np

from gradcheck.claims.claim import Claim
from gradcheck.claims.held import with_held_rounded
from gradcheck.numeric.scales import root_sum_square
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground

JITTERS = 4
FARTHER = 64  # times as far: what a condition number makes of roundings grows like them
GROWN = 4  # times, by which it must: what jumps is the same from afar
DOUBT = "a rounding of what the subject holds, such as an ill-conditioned matrix, changes the claim by as much"


def allowing_for_what_is_held(
    ground: Ground, comparisons: list[Comparison], rng: np.random.Generator
) -> list[Comparison]:
    """Widen the bars of claims to what roundings of held arrays make of them, where a contradiction vanishes.

    At a kink no rounding counts: x may be tied to the very array that is rounded.
    """
    if not any(map(_contradicted, comparisons)):
        return comparisons
    claim = _rounded(ground, rng)
    if claim is None:
        return comparisons
    rough = dataclasses.replace(ground, claim=claim)
    return [_allowed(rough, c) if _contradicted(c) else c for c in comparisons]


def _rounded(ground: Ground, rng: np.random.Generator) -> Claim | None:
    """Return the claim with those beside it that come of roundings; None if these change nothing, or make it jump."""
    values = ground.claim.values
    near, far = list[list[np.ndarray]](), list[list[np.ndarray]]()
    for seed in rng.integers(2**32, size=JITTERS).tolist():
        for found, u in ((near, ground.claim.u), (far, FARTHER * ground.claim.u)):
            rounded = with_held_rounded(ground.problem, ground.place.point, ground.place.g, u, seed)
            if rounded is None:
                return None
            found.append(rounded)
    if not all(_change(far, i, x) >= GROWN * _change(near, i, x) for i, x in enumerate(values)):
        return None
    return dataclasses.replace(ground.claim, nearby=near, jump=np.inf, _deviations={})


def _change(nearby: list[list[np.ndarray]], leaf: int, value: np.ndarray) -> float:
    """Return the size of what changes of one array."""
    return float(root_sum_square(np.array([one[leaf] - value for one in nearby])))


def _allowed(rough: Ground, c: Comparison) -> Comparison:
    bar = np.maximum(c.claimed_bar, claimed(rough, c.probe).claimed_bar)
    wider = dataclasses.replace(c, claimed_bar=bar, doubt=DOUBT)
    return c if _contradicted(wider) else wider


def _contradicted(c: Comparison) -> bool:
    return bool((c.outside() | c.exact_outside()).any() and not c.kink.any())
