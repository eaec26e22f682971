"""Claims whose integral over the smallest step is the difference there, though at the point they are others."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.verdict.explained import is_explained

AT = 1e-12  # beside a kink of |x|
STEPS = [1e-3, 1e-9]
ALONG = Probe(0, coordinate=0)


@pytest.fixture
def beside(ground, comparison, sweep):
    """beside(backward, f): a claim at AT, something that is held against it, and a ladder with noise."""

    def beside(backward, f, bound=1e-16):
        place = ground(f, backward, np.array([AT, 1.0]))
        unit = float(ALONG.direction(place.place.point)[0][0])
        claimed, g = unit * place.claim.values[0][:, 0], place.place.g[:, 0]
        values = sweep(*[lambda t, w=w: w * f(AT + unit * t) for w in g], steps=STEPS)
        off, bounds = 0.3 * np.abs(g), np.full(values.central.shape, bound)
        return place, comparison(claimed, claimed + off, probe=ALONG, sweep=values, bounds=bounds)

    return beside


def bent(x):
    return np.abs(x) + x


@pytest.mark.parametrize(
    ("backward", "explained"),
    [
        (lambda x, dy: (np.sign(x) + 1) * dy, True),
        (lambda x, dy: 1.05 * (np.sign(x) + 1) * dy, False),
        (lambda x, dy: dy * 2, False),
        (lambda x, dy: np.where(x == AT, 3, np.sign(x) + 1) * dy, False),  # another at the very point
        (lambda x, dy: np.where(x > 0, 2, np.nan) * dy, False),
    ],
)
def test_the_integral_of_a_claim_explains_a_difference_that_it_is(beside, backward, explained):
    place, c = beside(backward, bent)
    assert c.outside().all() and is_explained(place, c, 1e-9).all() == explained


def right(x, dy):
    return (np.sign(x) + 1) * dy


@pytest.mark.parametrize(("step", "bound"), [(1e-3, 1e-16), (1e-8, 1e-16), (1e-9, 2e-9)])
def test_nothing_is_asked_of_wide_steps_or_other_ones_or_under_noise(beside, step, bound):
    place, c = beside(right, bent, bound=bound)
    assert not is_explained(place, c, step).any()


def test_nothing_is_asked_where_both_sides_have_one_slope_or_nothing_is_contradicted(beside):
    asked = []

    def backward(x, dy):
        asked.append(x)
        return 2 * dy

    place, c = beside(backward, lambda x: 2 * x)
    inside = dataclasses.replace(c, claimed=c.real.value)
    asked.clear()
    assert not is_explained(place, c, 1e-9).any() and not is_explained(place, inside, 1e-9).any() and not asked
