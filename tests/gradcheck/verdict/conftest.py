"""Grounds on which claims are compared, without a whole check around them."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.claims.claim import claim_at
from gradcheck.numeric.points import cotangents
from gradcheck.numeric.reading import Place
from gradcheck.subjects.declared import NOTHING
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.ground import Ground


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
