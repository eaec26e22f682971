"""Which directions are taken: chosen by size, without being asked."""

import numpy as np
import pytest

from gradcheck.verdict.plan import DIRECTIONS, EXHAUSTIVE, LARGE, SUSPECTS, apart, dense, given, special, tied


def leaves(plan):
    return [p.leaf for p in plan.probes]


def seeds(plan):
    return [p.seed for p in plan.probes]


def test_small_arrays_have_directions_of_their_own(rng):
    plan = dense([3, 0, 4], True, rng)
    assert DIRECTIONS == 2 and leaves(plan) == [0, 0, 2, 2] and plan.real == [True, False, True, False]
    assert len(set(seeds(plan))) == 4 and all(p.coordinate is None and not p.by_value for p in plan.probes)
    assert dense([3, 0, 4], False, rng).real == [True] * 4


def test_in_a_large_problem_one_ladder_moves_everything(rng):
    plan = dense([LARGE, 0, 2], True, rng)
    assert leaves(plan) == [None, 0, 2] and plan.real == [True, False, False] and len(set(seeds(plan))) == 3
    assert len(set(seeds(dense([LARGE, 3, 2], True, rng)))) == 4
    plan = dense([LARGE, 0, 2], False, rng)
    assert leaves(plan) == [0, 2] and plan.real == [True, True] and len(set(seeds(plan))) == 2
    assert leaves(dense([LARGE - 2, 0, 2], True, rng)) == [0, 0, 2, 2], "that is not large yet"


def test_where_every_entry_is_differenced_the_given_point_needs_no_direction(rng):
    assert given([EXHAUSTIVE - 1, 1], True, rng, set()).probes == []
    assert given([EXHAUSTIVE, 1], True, rng, set()).probes and EXHAUSTIVE == 256


def test_at_the_given_point_one_ladder_moves_all_where_the_complex_step_is_believed(rng):
    plan = given([300, 0, 4], True, rng, set())
    assert leaves(plan) == [None, 0, 2] and plan.real == [True, False, False] and len(set(seeds(plan))) == 3


def test_where_it_is_not_or_something_is_wrong_each_array_has_its_own(rng):
    plan = given([300, 0, 4], False, rng, set())
    assert leaves(plan) == [0, 2] and plan.real == [True, True] and len(set(seeds(plan))) == 2
    plan = given([300, 0, 4, 5], True, rng, {2})
    assert leaves(plan) == [0, 3] and plan.real == [True, True]


def test_apart_what_is_wrong_already_or_empty_is_left_out(rng):
    plan = apart([3, 0, 2, 4], rng, {2})
    assert leaves(plan) == [0, 3] and plan.real == [True, True] and len(set(seeds(plan))) == 2
    assert apart([0], rng, set()).probes == []


def test_a_seed_is_a_number_of_32_bits(rng):
    many = [1] * 300
    plans = [dense(many, True, rng), given(many, True, rng, set()), apart(many, rng, set())]
    plans.append(special([np.zeros(2) for _ in many], rng))
    for plan in plans:
        found = [p.seed for p in plan.probes if p.coordinate is None]
        assert len(found) >= 300 and 2**31 < max(found) < 2**32


def units(plan):
    return [(p.leaf, p.coordinate) for p in plan.probes if not p.by_value]


def test_of_a_small_problem_every_entry_is_differenced(rng):
    plan = special([rng.normal(size=3), rng.normal(size=(2, 2))], rng)
    assert units(plan) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3)] and plan.real == [True] * 7
    assert len(special([rng.normal(size=EXHAUSTIVE)], rng).probes) == EXHAUSTIVE
    assert not special([rng.normal(size=EXHAUSTIVE + 1)], rng).probes


@pytest.mark.parametrize("number", [0.0, 0.5])
def test_of_a_larger_array_some_entries_that_may_be_at_a_kink_are_differenced(rng, number):
    x = rng.normal(size=(4, 100))
    x[1, :20] = number
    plan = special([rng.normal(size=5), x], rng)
    chosen = [entry for leaf, entry in units(plan) if leaf == 1]
    assert len(set(chosen)) == SUSPECTS == 4 and chosen == sorted(chosen) and plan.real == [True] * len(plan.probes)
    assert set(chosen) <= set(range(100, 120)) and len(units(plan)) == 4


def test_fewer_are_all_differenced(rng):
    x = rng.normal(size=300)
    x[[7, 200, 299]] = 0
    assert units(special([x], rng)) == [(0, 7), (0, 200), (0, 299)]


def test_a_single_zero_is_a_suspect_and_so_is_a_tie(rng):
    many = rng.normal(size=(2, 100))
    many[0, 3], many[1, [5, 9]] = 0, 2.0
    assert units(special([many[0], many[1], rng.normal(size=200)], rng)) == [(0, 3), (1, 5), (1, 9)]


def test_what_is_equal_by_chance_among_many_is_no_reason(rng):
    x = rng.normal(size=10_000)
    x[:99] = 0.5
    assert not special([x], rng).probes
    x[:100] = 0.5
    assert len(units(special([x], rng))) == SUSPECTS, "of a hundredth it is one"


def test_ties_are_also_moved_together(rng):
    x = np.repeat(rng.normal(size=(4, 50)), 2, axis=1)
    together = [p for p in special([rng.normal(size=3), x, np.zeros((0, 2))], rng).probes if p.by_value]
    assert [(p.leaf, p.coordinate) for p in together] == [(1, None)]
    assert not any(p.by_value for p in special([rng.normal(size=400)], rng).probes)
    small = special([np.array([1.0, 2.0, 1.0]), np.array([3.0, 3.0])], rng).probes
    assert [p.leaf for p in small if p.by_value] == [0, 1] and len({p.seed for p in small if p.by_value}) == 2


def test_a_hundredth_may_be_tied_by_chance(rng):
    x = rng.normal(size=200)
    x[:2] = 0.5
    assert not any(p.by_value for p in special([x], rng).probes)
    x[:3] = 0.5
    assert any(p.by_value for p in special([x], rng).probes)


def test_tied_is_what_occurs_more_than_once():
    x = np.array([[1.0, 2.0, 1.0], [0.0, -0.0, 3.0]])
    assert tied(x).tolist() == [[True, False, True], [True, True, False]]
    assert tied(np.zeros(0)).shape == (0,) and tied(np.array(1.0)).tolist() is False
