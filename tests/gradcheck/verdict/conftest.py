"""Grounds on which claims are compared, and numbers as they might be measured, without a whole check around them."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.claims.claim import claim_at
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.ladder import STEPS, Sweep
from gradcheck.numeric.points import cotangents
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.subjects.declared import NOTHING
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground

ENTRY = Probe(0, coordinate=0)


@pytest.fixture
def ground():
    """ground(forward, backward, *arrays, **changes): the place at these arrays, with two cotangents and the claim."""

    def ground(forward, backward, *arrays, exact=False, declared=NOTHING, mapper=map, u=2.0**-53, **changes):
        problem, point = Problem(pair(forward, backward), arrays, {}, declared), list(arrays)
        y = problem.forward(point)
        place = Place(point, y, cotangents(np.random.default_rng(2), y.size))
        claim = claim_at(problem, point, place.g, u, 3, np.random.default_rng(3))
        return Ground(problem, place, claim, exact, mapper, **changes)

    return ground


@pytest.fixture
def comparison():
    """comparison(claimed, value, ...): numbers as they might have been measured, one for each cotangent."""
    return comparison_of


def comparison_of(
    claimed,
    value=None,
    bar=1e-10,
    *,
    claimed_bar=1e-16,
    ends=None,
    kink=None,
    jump=False,
    still=False,
    exact=None,
    exact_bar=1e-15,
    probe=ENTRY,
    unit=1.0,
    **more,
):
    claimed = np.atleast_1d(np.array(claimed, float))

    def row(x, dtype=float):
        return np.broadcast_to(np.array(x, dtype), claimed.shape).copy()

    real = None
    if value is not None:
        low, high = (value, value) if ends is None else ends
        kink = ends is not None if kink is None else kink
        flags = (row(flag, bool) for flag in (kink, jump, still))
        real = Estimate(row(value), row(bar), row(low), row(high), *flags)
    if exact is not None:
        more.update(exact=row(exact), exact_bar=row(exact_bar))
    return Comparison(probe, unit, claimed, row(claimed_bar), real, **more)


@pytest.fixture
def sweep():
    """sweep(phi): the differences of phi at 0 on a ladder, for each of several functions of the step."""

    def sweep(*phi, steps=STEPS, weight=1.0, coarse=0.0):
        h = np.repeat(np.array(steps, float)[:, None], len(phi), axis=1)
        columns = ([f(x) + 0 * x for f, x in zip(phi, t.T, strict=True)] for t in (h, 0 * h, -h))
        ahead, here, behind = (np.stack(column, 1) for column in columns)
        sizes = (np.broadcast_to(np.array(size, float), h.shape).copy() for size in (weight, coarse))
        return Sweep(h, (ahead - behind) / (2 * h), (ahead - here) / h, (here - behind) / h, *sizes)

    return sweep
