"""Which directions are taken: chosen by size, without being asked."""

import dataclasses

import numpy as np
import pytest

from gradcheck.claims.claim import Claim
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.plan import (
    ABOVE,
    AMPLIFIED,
    DIRECTIONS,
    EXHAUSTIVE,
    LARGE,
    SMALLEST,
    SUSPECTS,
    Plan,
    apart,
    balanced,
    dense,
    every,
    given,
    special,
    tied,
)


def leaves(plan):
    return [p.leaf for p in plan.probes]


def seeds(plan):
    return [p.seed for p in plan.probes]


def test_where_the_complex_step_may_be_tried_one_ladder_moves_everything(rng):
    for sizes in ([3, 0, 4], [LARGE, 0, 2]):
        plan = dense(sizes, True, rng)
        assert leaves(plan) == [None, 0, 2] and plan.real == [True, False, False] and len(set(seeds(plan))) == 3
        assert all(p.coordinate is None and not p.by_value for p in plan.probes)


def test_a_single_array_is_moved_once_with_both(rng):
    for plan in (dense([0, 7], True, rng), given([0, 7], True, rng, set())):
        assert leaves(plan) == [1] and plan.real == [True]


def test_where_nothing_has_entries_nothing_is_probed(rng):
    assert dense([0, 0], True, rng).probes == given([0], True, rng, set()).probes == dense([0], False, rng).probes == []


def test_with_real_differences_alone_small_arrays_have_several_directions(rng):
    plan = dense([3, 0, 4], False, rng)
    assert DIRECTIONS == 2 and leaves(plan) == [0, 0, 2, 2] and plan.real == [True] * 4
    assert len(set(seeds(plan))) == 4
    assert leaves(dense([LARGE - 2, 0, 2], False, rng)) == [0, 0, 2, 2], "that is not large yet"
    plan = dense([LARGE, 0, 2], False, rng)
    assert leaves(plan) == [0, 2] and plan.real == [True, True] and len(set(seeds(plan))) == 2


def test_at_the_given_point_one_ladder_moves_all_where_the_complex_step_is_believed(rng):
    plan = given([300, 0, 4], True, rng, set())
    assert leaves(plan) == [None, 0, 2] and plan.real == [True, False, False] and len(set(seeds(plan))) == 3


def test_where_it_is_not_each_array_has_its_own(rng):
    plan = given([300, 0, 4], False, rng, set())
    assert leaves(plan) == [0, 2] and plan.real == [True, True] and len(set(seeds(plan))) == 2
    assert leaves(given([300, 0, 4, 5], False, rng, {2})) == [0, 3]


def test_arrays_that_are_wrong_already_do_not_move(rng):
    plan = given([300, 0, 4, 5], True, rng, {2})
    assert leaves(plan) == [None, 0, 3] and plan.real == [True, False, False]
    assert [plan.probes[0].moves(leaf) for leaf in range(4)] == [True, True, False, True]
    assert leaves(given([300, 4], True, rng, {1})) == [0]


def test_apart_what_is_wrong_already_or_empty_is_left_out(rng):
    plan = apart([3, 0, 2, 4], rng, {2})
    assert leaves(plan) == [0, 3] and plan.real == [True, True] and len(set(seeds(plan))) == 2
    assert apart([0], rng, set()).probes == []


def test_a_seed_is_a_number_of_32_bits(rng):
    many = [1] * 300
    plans = [dense(many, True, rng), dense(many, False, rng), given(many, True, rng, set()), apart(many, rng, set())]
    plans.append(special([np.zeros(2) for _ in many], rng, set()))
    for plan in plans:
        found = [p.seed for p in plan.probes if p.coordinate is None]
        assert len(found) >= 300 and 2**31 < max(found) < 2**32


def units(plan):
    return [(p.leaf, p.coordinate) for p in plan.probes if not p.by_value]


def test_every_entry_of_some_arrays_that_is_not_known_is_for_the_complex_step_alone():
    plan = every([3, 2, 2], {2, 0}, [{1}, set(), set()])
    assert units(plan) == [(0, 0), (0, 2), (2, 0), (2, 1)] and plan.real == [False] * 4


def test_those_that_may_be_at_a_kink_have_ladders_but_those_of_wrong_arrays(rng):
    point = [np.array([1.0, 0.0, 2.0]), np.array([3.0, 0.0, 3.0])]
    plan = special(point, rng, set())
    assert units(plan) == [(0, 1), (1, 0), (1, 1), (1, 2)] and plan.real == [True] * len(plan.probes) == [True] * 5
    assert units(special(point, rng, {1})) == [(0, 1)] and len(special(point, rng, {1}).probes) == 1
    assert not special([rng.normal(size=3), rng.normal(size=(2, 2))], rng, set()).probes


def claim(*values, nearby=()):
    return Claim([np.array(v, float) for v in values], [[np.array(v, float) for v in row] for row in nearby], 2.0**-53)


@pytest.mark.parametrize("x", [[1.0, 2.0, 1.5, 1.25, 1.0], [1.0, 1e-9, 1e-3, 1e-6, 1.0]])
def test_along_a_balanced_direction_every_entry_counts_as_the_largest_does(rng, x):
    """Claims that range over 20 orders of magnitude, and one that is 0: it moves as the smallest may."""
    point, known = [np.array(x), np.ones((2, 2))], [{4}, set()]
    g = np.array([[3e0, 3e-20, 4e-10, 0.0, 1e3], [4e0, 4e-20, 3e-10, 0.0, 1e3]])
    whole, each = balanced(point, claim(g, np.ones((2, 2, 2))), rng, {1}, known)
    (probe,) = whole.probes
    assert whole == each and whole.real == [False] and probe.coordinate is None
    assert probe.moves(0) and not probe.moves(1)
    d = probe.direction(point)
    assert d.keys() == {0} and d[0][4] == 0, "what is known stays where it is"
    change = np.abs(d[0]) * np.sqrt(np.square(g).sum(axis=0))
    np.testing.assert_allclose(change[:3], change[0], rtol=1e-14, atol=0)
    moves = np.abs(Probe(0, seed=1).direction(point)[0])[3]
    assert moves / 4 < np.abs(d[0][3]) * SMALLEST < 4 * moves


def test_a_claim_that_its_noise_may_be_moves_as_far_as_that_says(rng):
    g, noisy = np.array([[1.0, 1e-17, 1e-17]]), np.array([[1.0, 1e-17, 3e-17]])
    whole, _ = balanced([np.array([1.0, 2.0, 3.0])], claim(g, nearby=[[noisy]]), rng, set(), [set()])
    d = np.abs(whole.probes[0].direction([])[0])
    assert d[1] > 1e16 and 1e3 < d[2] < 16 / (ABOVE * 2e-17)


def test_a_single_entry_or_a_claim_of_nothing_needs_no_balance(rng):
    point = [np.ones(1), np.ones(2), np.ones(0), np.ones(2), np.ones(2)]
    values = np.ones((2, 1)), np.zeros((2, 2)), np.zeros((2, 0)), np.full((2, 2), np.inf), np.ones((2, 2))
    whole, each = balanced(point, claim(*values), rng, set(), [set()] * 4 + [{0}])
    assert whole.probes == each.probes == []


def test_several_arrays_are_balanced_together_and_each_alone(rng):
    """Of the third the claims are so small that it is amplified as far as it may be."""
    sizes, point = (1.0, 2.0**-8, 2.0**-60), [np.full(2, 1.5)] * 3
    whole, each = balanced(point, claim(*(np.full((1, 2), s) for s in sizes)), rng, set(), [set()] * 3)
    assert [p.leaf for p in whole.probes] == [None] and [p.leaf for p in each.probes] == [0, 1, 2]
    assert whole.real == [False] and each.real == [False] * 3
    d, alone = whole.probes[0].direction(point), [p.direction(point) for p in each.probes]
    assert [a.keys() for a in alone] == [{0}, {1}, {2}] and d.keys() == {0, 1, 2}
    changes = [float(np.abs(d[k]).max()) * s for k, s in enumerate(sizes)]
    assert changes[0] == pytest.approx(changes[1], rel=1e-12, abs=0)
    assert np.array_equal(d[2], AMPLIFIED * alone[2][2]) and AMPLIFIED == 2.0**20


@pytest.mark.parametrize("number", [0.0, 0.5])
def test_of_a_larger_array_some_entries_that_may_be_at_a_kink_are_differenced(rng, number):
    x = rng.normal(size=(4, 100))
    x[1, :20] = number
    plan = special([rng.normal(size=5), x], rng, set())
    chosen = [entry for leaf, entry in units(plan) if leaf == 1]
    assert len(set(chosen)) == SUSPECTS == 4 and chosen == sorted(chosen) and plan.real == [True] * len(plan.probes)
    assert set(chosen) <= set(range(100, 120)) and len(units(plan)) == 4


def test_fewer_are_all_differenced(rng):
    x = rng.normal(size=300)
    x[[7, 200, 299]] = 0
    assert units(special([x], rng, set())) == [(0, 7), (0, 200), (0, 299)]


def test_a_single_zero_is_a_suspect_and_so_is_a_tie(rng):
    many = rng.normal(size=(2, 100))
    many[0, 3], many[1, [5, 9]] = 0, 2.0
    assert units(special([many[0], many[1], rng.normal(size=200)], rng, set())) == [(0, 3), (1, 5), (1, 9)]


def test_what_is_equal_by_chance_among_many_is_no_reason(rng):
    x = rng.normal(size=10_000)
    x[:99] = 0.5
    assert not special([x], rng, set()).probes
    x[:100] = 0.5
    assert len(units(special([x], rng, set()))) == SUSPECTS, "of a hundredth it is one"


def test_ties_are_also_moved_together(rng):
    x = np.repeat(rng.normal(size=(4, 50)), 2, axis=1)
    together = [p for p in special([rng.normal(size=3), x, np.zeros((0, 2))], rng, set()).probes if p.by_value]
    assert [(p.leaf, p.coordinate) for p in together] == [(1, None)]
    assert not any(p.by_value for p in special([rng.normal(size=400)], rng, set()).probes)
    small = special([np.array([1.0, 2.0, 1.0]), np.array([3.0, 3.0])], rng, set()).probes
    assert [p.leaf for p in small if p.by_value] == [0, 1] and len({p.seed for p in small if p.by_value}) == 2


def test_a_hundredth_may_be_tied_by_chance(rng):
    x = rng.normal(size=200)
    x[:2] = 0.5
    assert not any(p.by_value for p in special([x], rng, set()).probes)
    x[:3] = 0.5
    assert any(p.by_value for p in special([x], rng, set()).probes)


def test_tied_is_what_occurs_more_than_once():
    x = np.array([[1.0, 2.0, 1.0], [0.0, -0.0, 3.0]])
    assert tied(x).tolist() == [[True, False, True], [True, True, False]]
    assert tied(np.zeros(0)).shape == (0,) and tied(np.array(1.0)).tolist() is False


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Plan).probes = None


def test_a_direction_that_is_given_takes_the_place_of_the_first(rng):
    tried = Probe(None, seed=7)
    plan = dense([3, 0, 4], True, rng, tried)
    assert plan.probes[0] is tried and leaves(plan)[1:] == [0, 2] and plan.real == [True, False, False]
    assert dense([0, 0], True, rng, tried).probes == [] and tried not in dense([3, 4], False, rng, tried).probes
    (alone,) = dense([0, 3], True, rng, tried).probes
    assert alone is tried


class Drawn:
    """A generator that hands out 1, and remembers below what it was asked for."""

    def __init__(self):
        self.asked = []

    def integers(self, high):
        self.asked.append(high)
        return 1


def test_every_entry_moves_as_far_as_its_claims_and_their_noise_say():
    """Noise along one cotangent is noise; 2^40 times that, or 2^-100 of the largest change, is what counts at least."""
    point, drawn = [np.array([1.0, 1.5, 1.25, -1.0])], Drawn()
    g = np.array([[3.0, 3e-20, 0.0, 0.0], [4.0, 4e-20, 0.0, 0.0]])
    noise = np.zeros((2, 4))
    noise[0, 2] = 2.0**-80
    whole, _ = balanced(point, claim(g, nearby=[[g + noise]]), drawn, set(), [set()])
    even = np.abs(Probe(0, seed=1).direction(point)[0])
    far = np.abs(whole.probes[0].direction(point)[0])
    top = 5.0 * even[0]
    counted = np.array([top, 5e-20 * even[1], 2.0**-40 * even[2], 2.0**-100 * top])
    np.testing.assert_allclose(far, even * top / counted, rtol=1e-14, atol=0)
    assert drawn.asked == [2**32]


def test_two_arrays_are_balanced_together(rng):
    whole, each = balanced([np.ones(2)] * 2, claim(np.ones((1, 2)), np.ones((1, 2))), rng, set(), [set()] * 2)
    assert [p.leaf for p in whole.probes] == [None] and [p.leaf for p in each.probes] == [0, 1]


def test_single_entries_are_few_but_every_one_of_up_to_256_has_a_complex_step():
    assert (EXHAUSTIVE, SUSPECTS, DIRECTIONS) == (256, 4, 2)
