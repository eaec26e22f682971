"""Claims that carry roundings of a narrow format inside, beside slopes that carry none."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.precision.formats import LOW
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.inside import allowing_for_roundings_inside

X, W = np.array([0.7312, -1.2345, 0.4142]), np.array([1.5, 0.25, -0.75])
LEVEL = 2.0**-25
ALONG = [Probe(1, seed=1), Probe(1, coordinate=1)]


def narrow(x):
    return x.astype(np.float32).astype(np.float64)


@pytest.fixture
def at(ground):
    """at(error): the place of f32(x) w, whose backward pass has x itself, times 1 + error, for w."""

    def at(error=0.0):
        return ground(lambda x, w: narrow(x) * w, lambda x, w, dy: (dy * w, dy * x * (1 + error)), X, W)

    return at


@pytest.fixture
def seen(rng):
    return lambda place: glance(place, Known(), ALONG, [True] * 2, rng)[0]


def test_a_claim_may_carry_the_roundings_that_f_is_made_of(at, seen, rng):
    place = at()
    before = seen(place)
    assert all(c.outside().all() for c in before), "they must show"
    for c in allowing_for_roundings_inside(place, Known({0: LEVEL}), before, rng):
        assert not c.outside().any() and (c.claimed_bar < 2.0**-18 * np.abs(c.claimed).max()).all()


@pytest.mark.parametrize("error", [1e-2, 1e-4, 1e-5])
def test_what_is_wrong_by_more_stays_wrong_with_its_own_bar(at, seen, rng, error):
    place = at(error)
    before = seen(place)
    assert allowing_for_roundings_inside(place, Known({0: LEVEL}), before, rng) == before


def test_formats_coarser_than_single_precision_excuse_no_more(at, seen, rng):
    place = at(1e-5)
    before = seen(place)
    assert allowing_for_roundings_inside(place, Known({0: 2.0**-9}), before, rng) == before


def test_where_nothing_is_coarse_or_nothing_is_contradicted_nothing_is_measured(at, seen, rng, ground):
    place = at()
    before, count = seen(place), place.problem.count["pullback"]
    for known in (Known(), Known({0: LOW, 1: 0.0})):
        assert allowing_for_roundings_inside(place, known, before, rng) is before
    coarse = dataclasses.replace(place, claim=dataclasses.replace(place.claim, u=LEVEL))
    assert allowing_for_roundings_inside(coarse, Known({0: LEVEL}), before, rng) is before, "the format is known"
    right = ground(lambda x, w: x * w, lambda x, w, dy: (dy * w, dy * x), X, W)
    agreeing = seen(right)
    assert allowing_for_roundings_inside(right, Known({0: LEVEL}), agreeing, rng) is agreeing
    assert place.problem.count["pullback"] == count


def test_what_the_complex_step_alone_contradicts_is_allowed_for_too(at, comparison, rng):
    place = at()
    (d,) = ALONG[0].direction(place.place.point).values()
    true, claimed = (place.place.g @ (x * d) for x in (narrow(X), X))
    c = comparison(claimed, true, bar=1e-3, exact=true, probe=ALONG[0])
    assert c.exact_outside().all() and not c.outside().any()
    (found,) = allowing_for_roundings_inside(place, Known({0: LEVEL}), [c], rng)
    assert not found.exact_outside().any()


def test_one_claim_in_doubt_is_enough_and_only_that_is_widened_by_two_repetitions(at, comparison, rng):
    """Of one cotangent, by real differences or by the complex step."""
    place = at()
    (d,) = ALONG[0].direction(place.place.point).values()
    true, claimed = (place.place.g @ (x * d) for x in (narrow(X), X))
    half = np.array([claimed[0], true[1]])
    right = comparison(true, true, exact=true, probe=ALONG[0])
    for c in (comparison(half, true, probe=ALONG[0]), comparison(half, true, bar=1e-3, exact=true, probe=ALONG[0])):
        before = place.problem.count["pullback"]
        found, kept = allowing_for_roundings_inside(place, Known({0: LEVEL}), [c, right], rng)
        assert kept is right and found is not c and not (found.outside() | found.exact_outside()).any()
        assert place.problem.count["pullback"] - before == 2 * 3, "two cotangents, here and at two points"
