import dataclasses

import numpy as np
import pytest

from reference.scaling.interval import refits
from reference.scaling.law import fit

NEXT = 3e6, 1e8  # parameters and tokens of the cell that is predicted
NINE = (1e5, 3e5, 1e6), (1e6, 3e6, 1e7)


def noisy(law, n, d, rng, noise=0.01):
    return law.loss(n, d) * np.exp(noise * rng.normal(size=np.shape(n)))


def interval(law, n, d, rng, noise=0.01, count=60, at=NEXT):
    losses = noisy(law, n, d, rng, noise)
    return refits(n, d, losses, fit(n, d, losses), rng=rng, count=count).loss(*at)


def held(law, n, d, rng, made, grids=20):
    """In how many of a hundred the next cell, with noise of its own, lies in the interval that `made` makes."""
    found = 0
    for _ in range(grids):
        losses = noisy(law, n, d, rng)
        low, high = made(refits(n, d, losses, fit(n, d, losses), rng=rng, count=20))
        found += low <= noisy(law, *NEXT, rng) <= high
    return 100 * found / grids


def test_nine_of_ten_intervals_hold_the_next_cell(law, cells, rng):
    n, d = cells(*NINE)
    assert held(law, n, d, rng, lambda one: one.loss(*NEXT)) >= 70  # 90 less three deviations of twenty draws


def test_without_noise_the_interval_is_a_point(law, cells, rng):
    low, high = interval(law, *cells(), rng, noise=0.0, count=10)
    np.testing.assert_allclose([low, high], law.loss(*NEXT), rtol=1e-6, atol=0)


def test_twice_the_noise_makes_it_about_twice_as_wide(law, cells):
    widths = []
    for noise in (0.002, 0.004):
        low, high = interval(law, *cells(), np.random.default_rng(5), noise=noise)
        widths.append(high - low)
    assert 1.5 < widths[1] / widths[0] < 2.5


def test_farther_away_it_is_wider(law, cells, rng):
    n, d = cells()
    losses = noisy(law, n, d, rng)
    found = refits(n, d, losses, fit(n, d, losses), rng=rng, count=60)
    (low, high), (far_low, far_high) = found.loss(3e6, 3e7), found.loss(1e12, 1e13)
    assert high / low < far_high / far_low


def test_the_same_generator_makes_the_same_laws(law, cells):
    n, d = cells(*NINE)
    losses = noisy(law, n, d, np.random.default_rng(3))
    one, two = (refits(n, d, losses, law, rng=np.random.default_rng(1), count=3) for _ in range(2))
    assert one.laws == two.laws and (one.differences == two.differences).all()


def test_intervals_of_exponents_hold_those_that_were_fitted(law, cells, rng):
    n, d = cells()
    losses = noisy(law, n, d, rng)
    found = fit(n, d, losses)
    (a_low, a_high), (b_low, b_high) = refits(n, d, losses, found, rng=rng, count=60).exponents()
    assert a_low < found.a < a_high and b_low < found.b < b_high


# Wrong versions


def test_the_spread_of_laws_alone_is_too_narrow(law, cells, rng):
    def without_its_own(one):
        return dataclasses.replace(one, differences=0 * one.differences).loss(*NEXT)

    many = cells(np.geomspace(1e5, 1e7, 6), np.geomspace(1e6, 1e9, 6))  # which leave little doubt about the law
    assert held(law, *many, rng, without_its_own) < 75


def test_differences_as_they_are_left_are_too_small(law, cells, rng):
    """Of nine cells, four differences: their squares are less than half of those that were drawn."""
    n, d = cells(*NINE)
    left, drawn = [], []
    for _ in range(20):
        noise = 0.01 * rng.normal(size=9)
        losses = law.loss(n, d) * np.exp(noise)
        left.append(np.sum(np.log(losses / fit(n, d, losses).loss(n, d)) ** 2))
        drawn.append(np.sum(noise**2))
    assert np.sum(left) < 0.75 * np.sum(drawn)


def test_what_is_fitted_is_not_predicted(law, cells, rng):
    """A cell that is 5 % off draws the law to itself if it is fitted."""
    n, d = cells()
    losses = noisy(law, n, d, rng, noise=1e-3)
    losses[-1] *= 1.05
    alone, with_it = fit(n[:-1], d[:-1], losses[:-1]), fit(n, d, losses, delta=1.0)
    off = [abs(one.loss(n[-1], d[-1]) / losses[-1] - 1) for one in (alone, with_it)]
    assert off[1] < 0.75 * off[0]


# Bad input


def test_bad_input_is_one_clear_line(law, cells, rng):
    n, d = cells()
    losses = law.loss(n, d)
    with pytest.raises(TypeError, match=r"refits: rng must be a numpy\.random\.Generator, got int"):
        refits(n, d, losses, law, rng=3)
    with pytest.raises(ValueError, match="refits: count must be at least 1, got 0"):
        refits(n, d, losses, law, rng=rng, count=0)
    with pytest.raises(ValueError, match="refits: there must be at least 8 cells, got 5"):
        refits(n[:5], d[:5], losses[:5], law, rng=rng)
