"""Slopes that are shown between two roundings of numbers that cancel, and nowhere else."""

import numpy as np
import pytest

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.wider import WIDER
from gradcheck.verdict.coarse import (
    between_coarse_steps,
    few_roundings,
    is_within_grain,
    may_be_grain_alone,
    seeking_hidden_grain,
)
from gradcheck.verdict.ground import Known

TINY = 1e-12 * np.random.default_rng(1).normal(size=8)


@pytest.fixture
def place(ground):
    return ground(lambda x: np.exp(x) - 1 - x, lambda x, dy: dy * np.expm1(x), TINY)


def between(size, until=1e-5):
    """A slope of that size over steps up to some length, and none over wider ones."""
    return lambda t: np.where(np.abs(t) < until, size * t, 0)


def seen(comparison, sweep, size, claimed):
    return comparison([claimed, claimed], [size, size], bar=1e-20, sweep=sweep(between(size), between(size)))


@pytest.mark.parametrize(("size", "may"), [(1e-12, True), (1e-8, False)])
def test_what_small_steps_show_alone_may_be_a_few_roundings_if_it_is_no_more(place, comparison, sweep, size, may):
    assert size * 1e-5 < few_roundings(place).min() or size * 1e-6 > few_roundings(place).max()
    alone, contradicted = (seen(comparison, sweep, size, claimed) for claimed in (size, 0.0))
    assert may_be_grain_alone(place, alone) is may and not is_within_grain(place, alone)
    assert is_within_grain(place, contradicted) is may


def test_what_wide_steps_show_as_well_is_none(place, comparison, sweep):
    line = sweep(lambda t: 1e-9 * t, lambda t: 1e-9 * t, steps=STEPS)
    c = comparison([0.0, 0.0], [1e-9, 1e-9], bar=1e-20, sweep=line)
    assert not may_be_grain_alone(place, c) and not is_within_grain(place, c)
    assert not may_be_grain_alone(place, comparison(1.0)) and not is_within_grain(place, comparison(np.nan))


def test_a_grain_is_looked_for_once_at_a_place(place, rng):
    found = seeking_hidden_grain(place, Known(), rng)
    assert (found.grain > 0).any() and not found.seeks_hidden
    asked = place.problem.count["forward"]
    assert seeking_hidden_grain(place, found, rng) is found and place.problem.count["forward"] == asked
    again = found.elsewhere()
    assert again.grain is None and again.seeks_hidden


def test_what_has_none_is_as_it_was_but_that_it_was_looked_for(ground, rng):
    found = seeking_hidden_grain(ground(np.sin, lambda x, dy: dy, np.ones(3)), Known(), rng)
    assert found.grain is None and not found.seeks_hidden


def test_steps_of_roundings_that_outputs_lose_contradict_nothing_and_those_of_a_quantiser_do(ground, comparison, sweep):
    """What outputs lose is looked for once, and only where differences over less than a step contradict a claim."""
    x, line = np.array([3e-8, 5e-8]), sweep(lambda t: 2 * t, lambda t: 2 * t, steps=1e-9 * STEPS)
    smooth = ground(lambda x: (1 - np.cos(x)) / x, lambda x, dy: dy / 2, x)
    stepping = ground(lambda x: np.round(2**30 * x) / 2**30, lambda x, dy: 0 * dy, x)
    wrong, right = (comparison([claimed] * 2, [2.0, 2.0], bar=1e-3, sweep=line) for claimed in (1.0, 2.0))
    for place, is_lost in ((smooth, WIDER), (stepping, False)):
        asked = place.problem.count["forward"]
        found, known = between_coarse_steps(place, Known(), right)
        assert not found.outside().any() and known.seeks_lost and place.problem.count["forward"] == asked
        found, known = between_coarse_steps(place, Known(), wrong)
        assert found.outside().any() != is_lost and not known.seeks_lost and (known.grain is not None) == is_lost
        asked = place.problem.count["forward"]
        assert between_coarse_steps(place, known, wrong)[1] is known and place.problem.count["forward"] == asked
