"""Points from which steps are exact, and directions that hide nothing."""

import fractions

import numpy as np
import pytest

from gradcheck.numeric.ladder import SECOND_STEPS, STEPS, moved
from gradcheck.numeric.points import cotangents, generic, is_constant, jittered, spread
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import quantise, scale

rng = np.random.default_rng(1)
X = quantise(rng.normal(size=(5, 7)))


def test_steps_from_a_base_point_are_exact():
    for seed in range(3):
        direction = Probe(0, seed=seed).direction([X])
        for h in np.concatenate([STEPS[:12], SECOND_STEPS[:12]]):
            (there,) = moved([X], direction, h)
            for x, d, z in zip(X.flat, direction[0].flat, there.flat, strict=True):
                want = fractions.Fraction(float(x)) + fractions.Fraction(float(h)) * fractions.Fraction(float(d))
                assert fractions.Fraction(float(z)) == want


def test_no_two_steps_have_a_ratio_that_is_a_power_of_two():
    ratios = np.log2(STEPS[:, None] / STEPS[None, :])[np.triu_indices(len(STEPS), 1)]
    assert (np.abs(ratios - np.round(ratios)) > 1e-3).all()


def test_a_generic_point_is_near_and_has_no_zeros_ties_or_ones():
    x = np.array([0.0, 0.0, 1.0, 1.0, 1.0, -3.0, 3.0])
    near = generic(x, np.random.default_rng(2))
    assert (np.abs(near - x) <= 0.075 * scale(x)).all()
    assert len(np.unique(near)) == x.size and not np.isin(near, [0.0, 1.0]).any()


def test_a_parameter_of_ones_or_zeros_is_recognised_and_spread():
    assert is_constant(np.ones(4)) and is_constant(np.zeros((2, 2))) and not is_constant(np.array([0.0, 1.0]))
    assert not is_constant(np.zeros((0, 3))) and is_constant(np.ones(1))
    x = spread(np.ones(100), np.random.default_rng(2))
    assert len(np.unique(x)) == 100 and (np.abs(x - 1) >= 0.2).all()


def test_cotangents_are_dense_and_no_entry_is_small_or_one():
    g = cotangents(np.random.default_rng(2), 1000)
    assert g.shape == (2, 1000) and np.abs(g).min() >= 0.49 and np.abs(g).max() <= 1.51 and not (np.abs(g) == 1).any()


def test_a_generic_point_moves_by_a_part_of_the_entry_or_of_the_scale_to_both_sides():
    x = np.repeat([8.0, -8.0, 4.0, 0.0], 500)
    away = generic(x, np.random.default_rng(2)) - x
    s = scale(x)
    for value, reach in ((8.0, s), (-8.0, s), (4.0, 4.0), (0.0, s)):
        part = away[x == value] / (0.05 * min(reach, s))
        assert np.abs(part).min() >= 0.499 and np.abs(part).max() <= 1.501, "a half to three halves of it"
        assert np.abs(part).min() < 0.52 and np.abs(part).max() > 1.48 and (part > 0).any() and (part < 0).any()


def test_what_is_near_zero_moves_away_from_it():
    x = np.concatenate([[1.0, -1.0] * 350, np.full(200, 1e-9), np.full(200, -1e-9)])
    near = generic(x, np.random.default_rng(2))
    small = np.abs(x) < 0.05 * scale(x)
    moved = (near - x)[small] * np.sign(x[small])
    assert (moved >= 0.0249 * scale(x)).all() and (moved <= 0.0751 * scale(x)).all() and small.sum() >= 400
    large = (near - x)[~small]
    assert (large > 0).any() and (large < 0).any()


def test_a_stand_in_for_ones_lies_a_quarter_to_three_quarters_away_on_both_sides():
    away = spread(np.ones(2000), np.random.default_rng(2)) - 1
    assert 0.25 <= np.abs(away).min() < 0.26 and 0.74 < np.abs(away).max() <= 0.75
    assert (away > 0).any() and (away < 0).any()


def test_cotangents_are_of_both_signs_and_as_many_as_were_asked_for():
    g = cotangents(np.random.default_rng(2), 1000, 3)
    assert g.shape == (3, 1000) and 0.5 <= np.abs(g).min() < 0.51 and 1.49 < np.abs(g).max() <= 1.5
    assert ((g > 0).any(axis=1) & (g < 0).any(axis=1)).all() and len(np.unique(g)) == g.size


def test_a_jittered_point_is_up_to_four_roundings_away_to_both_sides():
    (x,) = jittered([np.ones(1000)], np.random.default_rng(2))
    assert sorted(set((x - 1) * 2.0**52)) == [-2, -1, 0, 1, 2]
    (x,) = jittered([np.full(1000, 8.0)], np.random.default_rng(2), 2.0**-24)
    assert sorted(set((x / 8 - 1) * 2.0**23)) == [-2, -1, 0, 1, 2]
    assert [x.shape for x in jittered([np.ones(3), np.ones((2, 0))], np.random.default_rng(2))] == [(3,), (2, 0)]


@pytest.mark.parametrize("size", [1.0, 2.0**10, 2.0**-10])
def test_what_is_farther_from_zero_than_a_twentieth_of_the_scale_moves_to_both_sides(size):
    x = size * np.concatenate([[1.0, -1.0] * 700, np.full(200, 0.07), np.full(200, 0.04)])
    near = generic(x, np.random.default_rng(2))
    assert scale(x) == size and len(set(np.sign((near - x)[1400:1600]))) == 2
    assert (np.sign((near - x)[1600:]) == 1).all()


def test_what_is_a_twentieth_of_the_scale_away_from_zero_is_no_residue():
    x = np.concatenate([[1.0, -1.0] * 700, np.full(200, 0.05)])
    assert scale(x) == 1.0 and set(np.sign((generic(x, np.random.default_rng(2)) - x)[1400:])) == {-1.0, 1.0}


def test_roundings_are_drawn_from_the_generator_one_for_each_entry():
    (x,) = jittered([np.ones(50)], np.random.default_rng(2))
    assert ((x - 1) * 2.0**52).tolist() == np.random.default_rng(2).integers(-2, 3, 50).tolist()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_no_rounding_takes_a_number_out_of_the_range_of_its_dtype(dtype):
    x = np.full(50, np.finfo(dtype).max) * np.array([1, -1] * 25, dtype)
    (near,) = jittered([x], np.random.default_rng(2), float(np.finfo(dtype).eps))
    assert np.isfinite(near.astype(dtype)).all() and (near != x).any()
    (infinite,) = jittered([np.array([np.inf, -np.inf], dtype)], np.random.default_rng(2))
    assert infinite.tolist() == [np.inf, -np.inf]
