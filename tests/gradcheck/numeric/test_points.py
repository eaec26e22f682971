"""Points from which steps are exact, and directions that hide nothing."""

import fractions

import numpy as np

from gradcheck.numeric.ladder import SECOND_STEPS, STEPS, moved
from gradcheck.numeric.points import cotangents, generic, is_constant, spread
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
    assert not is_constant(np.zeros((0, 3)))
    x = spread(np.ones(100), np.random.default_rng(2))
    assert len(np.unique(x)) == 100 and (np.abs(x - 1) >= 0.2).all()


def test_cotangents_are_dense_and_no_entry_is_small_or_one():
    g = cotangents(np.random.default_rng(2), 1000)
    assert g.shape == (2, 1000) and np.abs(g).min() >= 0.49 and np.abs(g).max() <= 1.51 and not (np.abs(g) == 1).any()
