"""Claims of subjects that hold, make or get an ill-conditioned matrix: roundings change them more than f shows."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.claims.claim import Claim, attempted
from gradcheck.claims.held import with_held_rounded
from gradcheck.claims.made import with_made_rounded
from gradcheck.numeric.ladder import rounded
from gradcheck.numeric.points import jittered
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.problem import Arrays, Problem
from gradcheck.verdict.below import unseen
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground

JITTERS = 4
FARTHER = 64  # times as far: what a condition number makes of roundings grows like them
GROWN = 4  # times, by which it must: what jumps is the same from afar
BY_CHANCE = 2.0**14  # times less than others, at the most, is what one rounding of each entry makes of a claim
ILL = 2.0**10  # roundings of y, that one of the inputs makes: of a condition number
MORE = 256  # times as much of a claim as of y, as parts of their sizes: an inverse is in a claim twice, y once
SLIGHT = 2.0**-10  # of a claim
DOUBT = "a rounding of what the subject holds, such as an ill-conditioned matrix, changes the claim by as much"
OF_MADE = "a rounding of what the subject makes itself, such as an ill-conditioned matrix, changes the claim by as much"
OF_OUTPUTS = "a rounding of the inputs, such as an ill-conditioned matrix, changes the output by as much over each step"
OF_INPUTS = "a rounding of the inputs, such as an ill-conditioned matrix, changes the claim by as much"


def allowing_for_what_is_held(
    ground: Ground, comparisons: list[Comparison], rng: np.random.Generator
) -> list[Comparison]:
    """Widen the bars of claims to what roundings of held arrays make of them, where a contradiction vanishes.

    Or of arrays that the subject makes itself.  And to what roundings of the inputs make of them, if these make much of
    y, and hardly more of the claims.  At a kink no rounding counts: x may be tied to the very array that is rounded.
    """
    if not any(map(_contradicted, comparisons)):
        return comparisons
    found = _widened(ground, comparisons, _rounded(ground, comparisons, with_held_rounded, rng), DOUBT)
    if any(_contradicted(c) and _is_slight(c) for c in found) and not ground.problem.is_large:
        found = _widened(ground, found, _rounded(ground, found, with_made_rounded, rng), OF_MADE)
    part = ground.rounding / (float(np.abs(ground.place.y).max(initial=0)) or np.inf)
    if part <= ILL * ground.claim.u or not any(map(_contradicted, found)):
        return found
    claim = _rounded(ground, found, _with_inputs_rounded, rng)
    if claim is None or any(_change(claim.nearby, i, x) > MORE * part * _size(x) for i, x in enumerate(claim.values)):
        return found
    found = _widened(ground, found, claim, OF_INPUTS)
    return [_beyond_roundings(ground, c) for c in found]


def _beyond_roundings(ground: Ground, c: Comparison) -> Comparison:
    """Return a comparison without slight contradictions over steps so small that roundings of the inputs explain them.

    The errors of linear algebra change smoothly along a line, and are no noise that a table of differences shows.
    """
    if c.real is None or c.sweep is None or not _contradicted(c):
        return c
    off = np.abs(c.claimed - c.real.value)
    shows = np.abs(c.sweep.central - c.real.value) <= off / 2
    widest = np.where(shows, c.sweep.steps, 0).max(axis=0, initial=0)
    lost = off * widest <= rounded(ground.place.g, np.full(ground.place.y.shape, ground.rounding))
    missed = c.outside() & lost & (off <= SLIGHT * np.abs(c.claimed))
    return unseen(c, c.real, missed, OF_OUTPUTS) if missed.any() else c


def _is_slight(c: Comparison) -> bool:
    """Whether a claim is off by less than a condition number makes of roundings: of most wrong ones it is more."""
    return c.real is not None and bool((np.abs(c.claimed - c.real.value) <= SLIGHT * np.abs(c.claimed)).any())


def _widened(ground: Ground, comparisons: list[Comparison], claim: Claim | None, doubt: str) -> list[Comparison]:
    if claim is None:
        return comparisons
    rough = dataclasses.replace(ground, claim=claim)
    return [_allowed(rough, c, doubt) if _contradicted(c) else c for c in comparisons]


Rounded = Callable[[Problem, Arrays, np.ndarray, float, int], list[np.ndarray] | None]


def _with_inputs_rounded(problem: Problem, point: Arrays, g: np.ndarray, u: float, seed: int) -> list[np.ndarray]:
    """Return the gradients at a point that is up to four roundings away."""
    return attempted(problem, jittered(point, np.random.default_rng(seed), u), g)


def _rounded(
    ground: Ground, comparisons: list[Comparison], round_once: Rounded, rng: np.random.Generator
) -> Claim | None:
    """Return the claim with those beside it that come of roundings; None if these change nothing, or make it jump.

    Or if the first of them change it by so little that no others could explain a contradiction: as for most errors.
    """
    values = ground.claim.values
    near, far = list[list[np.ndarray]](), list[list[np.ndarray]]()
    for seed in rng.integers(2**32, size=JITTERS).tolist():
        for found, u in ((far, FARTHER * ground.claim.u), (near, ground.claim.u)):
            rounded = round_once(ground.problem, ground.place.point, ground.place.g, u, seed)
            if rounded is None or (found is far and not near and not _may_explain(ground, comparisons, rounded)):
                return None
            found.append(rounded)
    if not all(_change(far, i, x) >= GROWN * _change(near, i, x) for i, x in enumerate(values)):
        return None
    return _beside(ground, near)


def _may_explain(ground: Ground, comparisons: list[Comparison], far: list[np.ndarray]) -> bool:
    """Whether roundings could explain a contradiction, were those of one claim less than others by chance."""
    rough = dataclasses.replace(ground, claim=_beside(ground, [far]))
    return any(_contradicted(c) and _allowed(rough, c, DOUBT, BY_CHANCE) is not c for c in comparisons)


def _beside(ground: Ground, nearby: list[list[np.ndarray]]) -> Claim:
    return dataclasses.replace(ground.claim, nearby=nearby, jump=np.inf, _deviations={})


def _change(nearby: list[list[np.ndarray]], leaf: int, value: np.ndarray) -> float:
    """Return the size of what changes of one array."""
    return _size(np.array([one[leaf] - value for one in nearby]))


def _size(x: np.ndarray) -> float:
    return float(root_sum_square(x))


def _allowed(rough: Ground, c: Comparison, doubt: str, times: float = 1) -> Comparison:
    bar = np.maximum(c.claimed_bar, times * claimed(rough, c.probe).claimed_bar)
    wider = dataclasses.replace(c, claimed_bar=bar, doubt=doubt)
    return c if wider.is_contradicted() else wider


def _contradicted(c: Comparison) -> bool:
    return bool((c.outside() | c.exact_outside()).any() and not c.kink.any())
