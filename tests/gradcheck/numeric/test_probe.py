"""Directions to step along."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.probe import SMALL, Along, Probe, _pattern
from gradcheck.numeric.scales import quantise, scale

X = quantise(np.random.default_rng(1).normal(size=(5, 7)))


def test_a_dense_direction_moves_every_entry_by_half_to_one_and_a_half():
    d = Probe(0, seed=3).direction([X])[0] / scale(X)
    assert ((np.abs(d) >= 0.5) & (np.abs(d) <= 1.5)).all() and (d > 0).any() and (d < 0).any()


def test_probes_of_one_seed_and_segment_are_parts_of_one_direction():
    whole = Probe(0, seed=3).direction([X])[0]
    left, right = (Probe(0, seed=3, start=a, stop=b).direction([X])[0] for a, b in ((0, 11), (11, None)))
    assert np.array_equal(left + right, whole) and not (left * right).any()


def test_the_one_array_that_moves_has_a_name_and_of_all_there_is_none():
    assert Probe(0).array == 0 and Probe(2, coordinate=1).array == 2
    with pytest.raises(ValueError, match="one array must move, got all of them"):
        Probe(None).array


def test_one_probe_moves_all_arrays_and_each_by_another_pattern():
    directions = Probe(None, seed=3).direction([X, X])
    assert set(directions) == {0, 1} and not np.array_equal(directions[0], directions[1])


def test_equal_entries_move_alike_where_a_tie_is_probed():
    x = np.array([1.0, 2.0, 1.0, 3.0, 2.0])
    d = Probe(0, seed=3, by_value=True).direction([x])[0]
    assert d[0] == d[2] and d[1] == d[4] and len(np.unique(d)) == 3


def test_where_all_entries_grow_the_direction_is_the_same_without_its_signs():
    probe = Probe(0, seed=3, start=1, held=(2,))
    drawn, grown = probe.direction([X])[0], dataclasses.replace(probe, one_sided=True).direction([X])[0]
    assert np.array_equal(grown, np.abs(drawn)) and (drawn < 0).any()


def test_a_single_entry_steps_by_its_arrays_scale_or_its_own():
    x = np.array([4.0, 2.0**-10, 4.0, -4.0, 0.0])
    assert Probe(0, coordinate=1).direction([x])[0].tolist() == [0, 4, 0, 0, 0]
    assert Probe(0, coordinate=1, own_scale=True).direction([x])[0].tolist() == [0, 2.0**-10, 0, 0, 0]
    assert Probe(0, coordinate=4, own_scale=True).direction([x])[0].tolist() == [0, 0, 0, 0, 4]
    assert Probe(0, coordinate=0).direction([np.array([2.0**40, 1, 1, 1])])[0][0] >= 2.0**20


def test_entries_near_each_other_and_far_from_zero_have_no_size_of_their_own():
    x = 2.0**30 + np.array([4.0, -2.0, 4.0, -4.0])
    alone, own = (Probe(0, coordinate=1, own_scale=own).direction([x])[0] for own in (False, True))
    assert own.tolist() == alone.tolist() == [0, 4, 0, 0]


def test_an_array_over_many_orders_of_magnitude_steps_entry_by_entry():
    x = 10.0 ** np.arange(-8, 8)
    d = Probe(0, seed=3).direction([x])[0]
    assert (np.abs(d / x) < 3).all() and (np.abs(d / x) > 0.3).all()


def test_a_given_direction_is_as_many_units_long_and_leaves_out_what_does_not_move():
    v = np.array([1.0, -3.0])
    direction = Along(None, vectors=(None, v), unit=0.25).direction([X, np.zeros(2)])
    assert list(direction) == [1] and direction[1].tolist() == [0.25, -0.75]


@pytest.mark.parametrize("kind", [Probe, Along])
def test_what_is_known_is_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).leaf = None


def test_without_more_said_a_dense_direction_is_that_of_seed_nought_whatever_is_equal():
    x = np.ones(200)
    d = Probe(0).direction([x])[0]
    assert np.array_equal(d, Probe(0, seed=0, start=0, stop=200, by_value=False).direction([x])[0])
    assert len(np.unique(np.abs(d))) > 20
    assert Along(None, vectors=(X,)).direction([X])[0] is not X
    assert np.array_equal(Along(None, vectors=(X,)).direction([X])[0], X)


def test_entries_move_by_whole_parts_of_sixty_four_from_a_half_to_one_and_a_half_to_both_sides_alike():
    d = Probe(0, seed=3).direction([np.ones(20_000)])[0]
    assert sorted(set(np.abs(d) * 64)) == list(range(32, 97))
    assert abs(np.mean(d > 0) - 0.5) < 0.02  # five standard deviations are 0.018


def test_entries_that_are_held_stay():
    d, held = Probe(0, seed=3).direction([X])[0], (0, 5, 34)
    there = Probe(0, seed=3, held=held).direction([X])[0]
    assert np.flatnonzero(there == 0).tolist() == list(held) and np.array_equal(there[there != 0], np.delete(d, held))


def test_a_probe_of_one_array_leaves_the_others_where_they_are():
    assert list(Probe(1, seed=3).direction([X, X, X])) == [1]
    assert list(Probe(None, seed=3, without=(1,)).direction([X, X, X])) == [0, 2]


def test_a_segment_moves_and_all_around_it_stays():
    d = Probe(0, seed=3).direction([X])[0].ravel()
    for start, stop in ((0, 11), (11, 20), (34, 35), (11, None), (0, None)):
        part = Probe(0, seed=3, start=start, stop=stop).direction([X])[0].ravel()
        assert np.flatnonzero(part).tolist() == list(range(35))[start:stop]
        assert np.array_equal(part[start:stop], d[start:stop])


def test_a_seed_stands_for_the_same_direction_in_every_version():
    """So that what a report was seeded with can be looked at again."""
    assert (64 * Probe(0, seed=3).direction([np.ones(6)])[0]).tolist() == [84.0, 37.0, -43.0, -47.0, -43.0, -84.0]


def test_of_arrays_up_to_4096_entries_a_pattern_is_kept_and_cannot_be_written_to():
    for size, kept in ((SMALL, 1), (SMALL + 1, 0)):
        _pattern.cache_clear()
        Probe(0, seed=3).direction([np.ones(size)])
        assert SMALL == 4096 and _pattern.cache_info().currsize == kept
    with pytest.raises(ValueError, match="read-only"):
        _pattern(3, 0, 5)[0] = 1.0


def test_as_many_as_512_patterns_are_kept():
    _pattern.cache_clear()
    for seed in range(520):
        Probe(0, seed=seed).direction([X])
    assert _pattern.cache_info().currsize == 512


def test_as_many_entries_may_move_as_a_segment_has_or_one_alone_or_all():
    lengths = [probe.length(9) for probe in (Probe(0, coordinate=3), Probe(0, start=2, stop=6), Probe(0, start=2))]
    assert lengths == [1, 4, 7]
