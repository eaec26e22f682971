"""Points from which steps are exact, and directions that hide nothing."""

import fractions

import numpy as np
import pytest

from gradcheck.numeric.ladder import SECOND_STEPS, STEPS, moved
from gradcheck.numeric.points import cotangents, generic, is_constant, spread
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import quantise, scale

rng = np.random.default_rng(1)
X = quantise(rng.normal(size=(5, 7)))


def test_a_base_point_is_rounded_to_few_bits(rng):
    x = rng.normal(size=1000) * 10.0 ** rng.integers(-12, 12, 1000)
    q = quantise(x)
    assert (np.abs(q - x) <= 2.0**-30 * np.abs(x)).all()
    assert np.array_equal(q, q.astype(np.longdouble)) and np.array_equal(quantise(q), q)
    assert (np.frexp(q)[0] * 2**30 % 1 == 0).all()


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


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros(3), 1.0),
        (np.array([np.inf, 1.0]), 1.0),
        (np.full(3, 8.0), 8.0),
        (np.array([1e-300, -1e-300]), 2.0**-997),
        (1.7e9 + 100 * np.arange(-8.0, 9.0), 512.0),
        (1e6 + np.array([0.0, 1e-12, 0, 0, 0]), 2.0**20),
        (np.zeros((0, 2)), 1.0),
    ],
    ids=["zeros", "infinite", "equal", "tiny", "near each other", "equal but for rounding", "empty"],
)
def test_the_scale_is_the_size_of_what_varies(x, expected):
    assert scale(x) == expected


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


def test_a_dense_direction_moves_every_entry_by_half_to_one_and_a_half():
    d = Probe(0, seed=3).direction([X])[0] / scale(X)
    assert ((np.abs(d) >= 0.5) & (np.abs(d) <= 1.5)).all() and (d > 0).any() and (d < 0).any()


def test_probes_of_one_seed_and_segment_are_parts_of_one_direction():
    whole = Probe(0, seed=3).direction([X])[0]
    left, right = (Probe(0, seed=3, start=a, stop=b).direction([X])[0] for a, b in ((0, 11), (11, None)))
    assert np.array_equal(left + right, whole) and not (left * right).any()


def test_one_probe_moves_all_arrays_and_each_by_another_pattern():
    directions = Probe(None, seed=3).direction([X, X])
    assert set(directions) == {0, 1} and not np.array_equal(directions[0], directions[1])


def test_equal_entries_move_alike_where_a_tie_is_probed():
    x = np.array([1.0, 2.0, 1.0, 3.0, 2.0])
    d = Probe(0, seed=3, by_value=True).direction([x])[0]
    assert d[0] == d[2] and d[1] == d[4] and len(np.unique(d)) == 3


def test_a_single_entry_steps_by_its_arrays_scale_or_its_own():
    x = np.array([4.0, 2.0**-10, 4.0, -4.0, 0.0])
    assert Probe(0, coordinate=1).direction([x])[0].tolist() == [0, 4, 0, 0, 0]
    assert Probe(0, coordinate=1, own_scale=True).direction([x])[0].tolist() == [0, 2.0**-10, 0, 0, 0]
    assert Probe(0, coordinate=4, own_scale=True).direction([x])[0].tolist() == [0, 0, 0, 0, 4]
    assert Probe(0, coordinate=0).direction([np.array([2.0**40, 1, 1, 1])])[0][0] >= 2.0**20


def test_an_array_over_many_orders_of_magnitude_steps_entry_by_entry():
    x = 10.0 ** np.arange(-8, 8)
    d = Probe(0, seed=3).direction([x])[0]
    assert (np.abs(d / x) < 3).all() and (np.abs(d / x) > 0.3).all()
