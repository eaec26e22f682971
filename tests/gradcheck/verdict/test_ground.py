"""What is known of the noise at a place, and what that makes of the error of a value."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.constants import COARSEST, NARROW
from gradcheck.numeric.ladder import STEPS
from gradcheck.subjects.declared import Declared
from gradcheck.verdict.ground import Ground, Known, coarseness, noise_of

U = 2.0**-53
X = np.array([1.0, 2.0])


@pytest.fixture
def at(ground):
    return lambda **changes: ground(np.sin, lambda x, dy: np.cos(x) * dy, X, **changes)


def test_a_subject_is_as_coarse_as_its_format_its_measured_noise_or_what_was_declared(at):
    assert coarseness(at(), Known(), 0) == U
    assert coarseness(at(u=2.0**-24), Known(), 0) == 2.0**-24
    assert coarseness(at(), Known({0: 2.0**-40}), 0) == 2.0**-40
    assert coarseness(at(declared=Declared(noise=1e-3)), Known({0: 2.0**-40}), 0) == 1e-3


def test_float16_has_few_bits_and_float32_has_not(at):
    assert at(u=2.0**-11).has_few_bits and at(u=2.0**-8).has_few_bits and not at(u=2.0**-24).has_few_bits


def test_an_array_that_goes_through_a_narrow_format_is_as_coarse_as_the_coarsest(at):
    """Along one direction it shows few roundings by chance; what shows those of float64 goes through none."""
    known = Known({0: 2.0**-28, 1: 2.0**-24, 2: 2.0**-40})
    assert [coarseness(at(), known, leaf) for leaf in range(3)] == [2.0**-24, 2.0**-24, 2.0**-40]


def test_each_array_has_a_noise_of_its_own_and_where_nobody_has_looked_the_largest_counts(at):
    known = Known({0: 2.0**-50, None: 2.0**-30})
    assert [known.level(leaf) for leaf in (0, 1, None)] == [2.0**-50, 2.0**-30, 2.0**-30] and known.largest == 2.0**-30
    assert [coarseness(at(), known, leaf) for leaf in (0, 1)] == [2.0**-50, 2.0**-30]
    assert known.with_level(0, 2.0**-40).levels == {0: 2.0**-40, None: 2.0**-30}
    assert known.with_level(0, 2.0**-60) == known and known.with_level(2, 0.0).levels[2] == 0.0
    assert Known().largest == Known().level(0) == 0.0
    assert known.with_noise(0, np.array([2.0**-40, 2.0**-45])) == known.with_level(0, 2.0**-40)
    assert known.with_noise(0, None) is known


def test_nothing_is_taken_for_granted(at):
    """Without a word noise is measured, roundings make nothing of y, and no dtype is narrow."""
    assert at().measures_noise is True and at().rounding == at().narrow == 0 and Known() == Known({}, {}, None)
    assert Known().smooth is False and Known().jumps == {}


def test_noise_above_that_of_a_narrow_format_excuses_nothing(at):
    assert coarseness(at(), Known({0: 2.0**-10}), 0) == NARROW == 2.0**-24


def test_a_value_is_known_to_a_few_roundings_of_what_it_is_made_of(at, sweep):
    s = sweep(np.sin, np.sin, weight=[[1.0, 3.0]])
    assert np.array_equal(noise_of(at(), s, 0.0), 4 * U * s.weight)
    assert np.array_equal(noise_of(at(u=2.0**-24), s, 0.0), 2.0**-22 * s.weight)


def test_or_to_twice_the_measured_noise_or_to_what_was_declared(at, sweep):
    s = sweep(np.sin, weight=3.0)
    assert np.array_equal(noise_of(at(), s, 2.0**-40), np.full(s.weight.shape, 8 * 2.0**-40 * 3))
    assert np.array_equal(noise_of(at(declared=Declared(noise=0.25)), s, 2.0**-40), np.full(s.weight.shape, 3.0))


def test_outputs_coarser_than_their_size_are_known_to_their_own_grain(at, sweep):
    s = sweep(np.sin, weight=1.0, coarse=5.0)
    assert np.array_equal(noise_of(at(), s, 0.0), np.full(s.weight.shape, 20 * U))


def test_the_steps_of_a_staircase_are_no_noise_where_the_smallest_change_nothing(at, sweep):
    level, flat = 2 * COARSEST, sweep(lambda t: np.round(100 * t))
    assert np.array_equal(noise_of(at(), flat, level), 4 * U * flat.weight)
    assert np.array_equal(noise_of(at(), flat, COARSEST), 8 * COARSEST * flat.weight), "up to there it is noise"
    last = sweep(lambda t: np.where(np.abs(t) == STEPS[-5], 1.0, 0.0), lambda t: 0 * t)
    found = noise_of(at(), last, level)
    assert (found[:, 0] == 8 * level).all() and (found[:, 1] == 4 * U).all(), "along one of two it moves"
    fifth = sweep(lambda t: np.where(np.abs(t) == STEPS[-6], 1.0, 0.0))
    assert np.array_equal(noise_of(at(), fifth, level), 4 * U * fifth.weight)
    moving = sweep(np.sin)
    assert np.array_equal(noise_of(at(), moving, level), 8 * level * moving.weight)
    for change in ({"right": 0 * moving.right}, {"left": 0 * moving.left}):
        one_side = dataclasses.replace(moving, **change)
        assert np.array_equal(noise_of(at(), one_side, level), 8 * level * moving.weight)


def test_the_coarsest_noise_of_a_number_format_is_that_of_bfloat16_halved(at):
    assert COARSEST == 2.0**-8 / 2


@pytest.mark.parametrize("kind", [Ground, Known])
def test_what_is_known_is_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).problem = None


def test_for_any_cotangents_the_noise_of_the_complex_step_is_one_number_the_largest_of_each_kind():
    found = Known(exact={(0, True): np.array([1.0, 3.0]), (None, True): np.array([2.0])}).loosely
    assert {kind: noise.tolist() for kind, noise in found.items()} == {(0, True): [3.0], (None, True): [2.0]}


def test_of_steps_that_were_met_along_an_array_the_largest_for_each_cotangent_are_known():
    known = Known().with_jumps(0, np.array([1.0, 2.0])).with_jumps(1, np.array([9.0, 9.0]))
    found = known.with_jumps(0, np.array([3.0, 1.0])).jumps
    assert {leaf: jump.tolist() for leaf, jump in found.items()} == {0: [3.0, 2.0], 1: [9.0, 9.0]}
