"""Claims that are rounded to a number format which is no narrower than the arrays that were handed over.

A kernel for bfloat16 computes its backward pass in float32, whatever it is given.  Of who hands over float64 that takes
digits; of who hands over fewer bits it takes none, though the mathematics is checked in float64.  Such roundings are
seen: a claim scatters about a polynomial where all inputs and dy move by a few of them.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from gradcheck.claims.claim import attempted
from gradcheck.numeric.constants import BRAIN, UNIT
from gradcheck.numeric.ladder import moved
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.numeric.staircase import residual
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground

FORMATS = UNIT[np.dtype(np.float32)], UNIT[np.dtype(np.float16)], BRAIN
POINTS, DEGREE = 16, 4  # of a polynomial, through claims of which some are roundings of the format apart
APART = 8  # roundings, by which inputs and dy move from one point to the next
SURE = 8  # standard deviations, beyond which nothing is a rounding
SEVERAL = 4  # roundings of a claim, by which it scatters at the most
DOUBT = "the pullback rounds to fewer bits than float64 has, and to no fewer than what was handed over"


def allowing_for_what_was_handed_over(
    ground: Ground, comparisons: list[Comparison], rng: np.random.Generator
) -> list[Comparison]:
    """Widen the bars of claims to their own scatter, where contradictions vanish, as far as the arrays' dtype goes."""
    found = list(comparisons)
    for u in _formats(ground):
        where = [i for i, c in enumerate(found) if _contradicted(c)]
        if not where:
            break
        leaves = {found[i].probe.array for i in where if found[i].probe.leaf is not None}
        wholes = {i: Probe(i, seed=int(rng.integers(2**32))) for i in leaves}
        noise = _noise(ground, [*(found[i].probe for i in where), *wholes.values()], u, rng)
        of_entries = {
            i: whole / root_sum_square(probe.direction(ground.place.point)[i])
            for (i, probe), whole in zip(wholes.items(), noise[len(where) :], strict=True)
        }
        for i, own in zip(where, noise, strict=False):
            leaf = found[i].probe.leaf
            found[i] = _allowed(ground, found[i], own, None if leaf is None else of_entries[leaf], u)
    return found


def _formats(ground: Ground) -> Iterator[float]:
    """Yield the roundoffs that claims may have: those of formats with as many bits as the subject's arrays, or more.

    Nothing where some array is of float64, or where the subject computes in few bits anyway.
    """
    problem = ground.problem
    handed = min(problem.subject.units.get(leaf.name, UNIT[leaf.value.dtype]) for leaf in problem.leaves)
    return (u for u in FORMATS if ground.claim.u < u <= handed)


def _noise(ground: Ground, probes: list[Probe], u: float, rng: np.random.Generator) -> np.ndarray:
    """Return the scatter (P, G) of claims along some probes, where all inputs and dy move; infinite outside f."""
    place = ground.place
    moving = Probe(None, seed=int(rng.integers(2**32))).direction(place.point)
    turning = rng.uniform(0.5, 1.5, place.g.shape) * rng.choice([-1.0, 1.0], place.g.shape)
    claims = []
    for t in APART * u * (np.arange(POINTS) - POINTS / 2):
        with np.errstate(all="ignore"):
            values = attempted(ground.problem, moved(place.point, moving, t), place.g * (1 + t * turning))
        there = dataclasses.replace(ground, claim=dataclasses.replace(ground.claim, values=values, nearby=[]))
        claims.append([claimed(there, probe).claimed for probe in probes])
    rows = np.array(claims)
    with np.errstate(invalid="ignore"):
        noise = residual(np.arange(POINTS) - POINTS / 2, rows.reshape(POINTS, -1), DEGREE)[1].reshape(rows.shape[1:])
    return np.where(np.isfinite(noise), noise, np.inf)


def _allowed(ground: Ground, c: Comparison, noise: np.ndarray, of_entry: np.ndarray | None, u: float) -> Comparison:
    """Return a comparison with the scatter of its claim in the bar, or as it is if that is more, or not enough.

    What cancels in one entry leaves roundings of others' size, and by chance one may scatter less than most.
    """
    size = np.abs(c.claimed) if c.terms is None else np.maximum(c.terms, np.abs(c.claimed))
    if c.probe.coordinate is not None and of_entry is not None:
        values = ground.claim.values[c.probe.array].reshape(len(size), -1)
        size = np.maximum(size, c.unit * np.sqrt(np.square(values).mean(axis=1)))
        noise = np.maximum(noise, c.unit * of_entry)
    if not (noise <= SEVERAL * u * size).all():
        return c
    wider = dataclasses.replace(c, claimed_bar=np.maximum(c.claimed_bar, SURE * noise), doubt=DOUBT)
    return c if wider.is_contradicted() else wider


def _contradicted(c: Comparison) -> bool:
    return bool((c.outside() | c.exact_outside()).any() and np.isfinite(c.claimed).all() and not c.kink.any())
