"""The noise of a function is measured, not assumed."""

import dataclasses

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.numeric.constants import SPACINGS, UNIT, U
from gradcheck.numeric.ladder import STEPS, sweep
from gradcheck.numeric.noise import bound, measured
from gradcheck.numeric.plain import Plain
from gradcheck.numeric.probe import Along, Probe
from gradcheck.numeric.scales import quantise
from gradcheck.subjects.problem import Problem

X = quantise(np.random.default_rng(1).normal(size=50))
G = np.random.default_rng(2).choice([-1.0, 1.0], (2, 50))


def level(function, x=X):
    problem = Problem(pair(function, lambda x, dy: dy), (x,), {})
    return measured(problem, [x], Probe(0, seed=3), G)


def test_a_function_that_rounds_once_has_no_noise_beyond_that():
    assert (level(lambda x: x * 3.0) <= UNIT[np.dtype(float)]).all()
    assert (level(lambda x: 0 * x + 7.0) == 0).all()


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-6])
def test_the_level_of_noise_is_found_within_a_factor(size):
    def noisy(x):
        return np.sin(x) + size * np.sin(1e13 * x)  # deterministic, and as good as random

    weight = np.minimum(np.abs(np.sin(X)).sum(), 8 * np.linalg.norm(np.sin(X)))
    true = size * np.sqrt(X.size / 2) / weight
    assert (true / 10 < level(noisy)).all() and (level(noisy) < 10 * true).all()


def test_a_smooth_function_of_many_roundings_is_near_them():
    found = level(lambda x: np.exp(np.sin(np.cumsum(x) / 7)))
    assert (found < 1e-14).all()


@pytest.mark.parametrize("reach", [1e-7, 3e-9])
def test_spacings_that_leave_the_domain_are_passed_over(reach):
    """Those that stay inside find the noise that a domain without an end shows too."""

    def noisy(x):
        return np.sin(x) + 1e-12 * np.sin(1e13 * x)

    def picky(x):
        return np.where(np.abs(x - X) > reach, np.nan, noisy(x))

    assert (level(picky) > 0).all() and np.array_equal(level(picky), level(noisy))


def test_where_every_spacing_leaves_the_domain_no_noise_is_told():
    assert (level(lambda x: np.where(x == X, np.sin(x), np.nan)) == 0).all()


@pytest.mark.parametrize("spacing", range(len(SPACINGS)))
def test_a_spacing_that_leaves_the_domain_ends_no_search(spacing):
    """A hole at the reach of one spacing only: a wider one that is inside again still finds the noise."""

    def forward(x):
        near = 3 * 2.0 ** SPACINGS[spacing] < np.abs(x - X).max() < 6 * 1.5 * 2.0 ** SPACINGS[spacing]
        return np.full_like(x, np.nan) if near else np.sin(x) + 1e-6 * np.sin(1e13 * x)

    assert (level(forward) > 1e-8).all()


def test_a_grain_of_its_own_is_no_plateau():
    """Stairs wider than the small spacings: equal values there say nothing of the noise."""
    found = level(lambda x: np.floor(np.sin(x) * 1e6) / 1e6)
    assert (found > 1e-8).all()


def swept(function, x=1.0):
    plain = Plain(function, x, "derivative")
    return sweep(plain, plain.point, Along(None, vectors=(np.array(1.0),)), None, STEPS, plain.first()[1])


def test_a_value_is_bounded_by_its_roundings_or_by_what_was_measured_of_its_noise():
    s = swept(np.sin)
    assert np.array_equal(bound(s, np.zeros(1), U), 4 * U * s.weight)
    assert np.array_equal(bound(s, np.full(1, 1e-9), U), 8e-9 * s.weight)
    coarse = dataclasses.replace(s, coarse=100 * s.weight)
    assert np.array_equal(bound(coarse, np.zeros(1), U), 400 * U * s.weight)


def test_on_a_step_of_a_staircase_there_is_no_noise_but_a_narrow_format_keeps_its_own():
    stair = swept(lambda x: np.round(x * 64) / 64)
    assert np.array_equal(bound(stair, np.full(1, 0.01), U), 4 * U * stair.weight)
    assert np.array_equal(bound(stair, np.full(1, 1e-4), U), 8e-4 * stair.weight)
    moving = swept(np.sin)
    assert np.array_equal(bound(moving, np.full(1, 0.01), U), 0.08 * moving.weight)
