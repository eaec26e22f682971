"""Which directions are taken: chosen by size, without being asked."""

import dataclasses

import numpy as np
import pytest

from gradcheck.verdict.plan import DIRECTIONS, EXHAUSTIVE, LARGE, SUSPECTS, Plan, apart, dense, given, special, tied


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
    plans.append(special([np.zeros(2) for _ in many], False, rng, set()))
    for plan in plans:
        found = [p.seed for p in plan.probes if p.coordinate is None]
        assert len(found) >= 300 and 2**31 < max(found) < 2**32


def units(plan):
    return [(p.leaf, p.coordinate) for p in plan.probes if not p.by_value]


def test_the_complex_step_is_taken_along_every_entry_of_a_small_problem_but_of_wrong_arrays(rng):
    point = [rng.normal(size=3), rng.normal(size=(2, 2))]
    plan = special(point, True, rng, set())
    assert units(plan) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3)] and plan.real == [False] * 7
    assert units(special(point, True, rng, {1})) == [(0, 0), (0, 1), (0, 2)]
    assert not special(point, False, rng, set()).probes
    assert EXHAUSTIVE == 256 and len(special([rng.normal(size=EXHAUSTIVE)], True, rng, set()).probes) == EXHAUSTIVE
    assert not special([rng.normal(size=EXHAUSTIVE), rng.normal(size=1)], True, rng, set()).probes


def test_those_that_may_be_at_a_kink_have_ladders_too(rng):
    plan = special([np.array([1.0, 0.0, 2.0]), np.array([3.0, 0.0])], True, rng, {1})
    assert units(plan) == [(0, 0), (0, 1), (0, 2), (1, 1)] and plan.real == [False, True, False, True]


@pytest.mark.parametrize("number", [0.0, 0.5])
def test_of_a_larger_array_some_entries_that_may_be_at_a_kink_are_differenced(rng, number):
    x = rng.normal(size=(4, 100))
    x[1, :20] = number
    plan = special([rng.normal(size=5), x], True, rng, set())
    chosen = [entry for leaf, entry in units(plan) if leaf == 1]
    assert len(set(chosen)) == SUSPECTS == 4 and chosen == sorted(chosen) and plan.real == [True] * len(plan.probes)
    assert set(chosen) <= set(range(100, 120)) and len(units(plan)) == 4


def test_fewer_are_all_differenced(rng):
    x = rng.normal(size=300)
    x[[7, 200, 299]] = 0
    assert units(special([x], False, rng, set())) == [(0, 7), (0, 200), (0, 299)]


def test_a_single_zero_is_a_suspect_and_so_is_a_tie(rng):
    many = rng.normal(size=(2, 100))
    many[0, 3], many[1, [5, 9]] = 0, 2.0
    assert units(special([many[0], many[1], rng.normal(size=200)], True, rng, set())) == [(0, 3), (1, 5), (1, 9)]


def test_what_is_equal_by_chance_among_many_is_no_reason(rng):
    x = rng.normal(size=10_000)
    x[:99] = 0.5
    assert not special([x], True, rng, set()).probes
    x[:100] = 0.5
    assert len(units(special([x], False, rng, set()))) == SUSPECTS, "of a hundredth it is one"


def test_ties_are_also_moved_together(rng):
    x = np.repeat(rng.normal(size=(4, 50)), 2, axis=1)
    together = [p for p in special([rng.normal(size=3), x, np.zeros((0, 2))], True, rng, set()).probes if p.by_value]
    assert [(p.leaf, p.coordinate) for p in together] == [(1, None)]
    assert not any(p.by_value for p in special([rng.normal(size=400)], True, rng, set()).probes)
    small = special([np.array([1.0, 2.0, 1.0]), np.array([3.0, 3.0])], False, rng, set()).probes
    assert [p.leaf for p in small if p.by_value] == [0, 1] and len({p.seed for p in small if p.by_value}) == 2


def test_a_hundredth_may_be_tied_by_chance(rng):
    x = rng.normal(size=200)
    x[:2] = 0.5
    assert not any(p.by_value for p in special([x], True, rng, set()).probes)
    x[:3] = 0.5
    assert any(p.by_value for p in special([x], True, rng, set()).probes)


def test_tied_is_what_occurs_more_than_once():
    x = np.array([[1.0, 2.0, 1.0], [0.0, -0.0, 3.0]])
    assert tied(x).tolist() == [[True, False, True], [True, True, False]]
    assert tied(np.zeros(0)).shape == (0,) and tied(np.array(1.0)).tolist() is False


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Plan).probes = None
