"""Where a check is made, and which directions it takes: chosen by size, without being asked."""

import numpy as np

from gradcheck.adapters import pair
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.places import choose, own_point
from gradcheck.verdict.plan import DIRECTIONS, EXHAUSTIVE, LARGE, SUSPECTS, apart, dense, special


def rng(seed=2):
    return np.random.default_rng(seed)


class Layer:
    def __init__(self, **arrays):
        self.__dict__.update(arrays)

    def vjp(self, x):
        return x * self.gamma, lambda dy: (Layer(gamma=(dy * x).sum(axis=0)), dy * self.gamma)


def test_the_users_own_point_is_kept_but_for_parameters_that_hide_something():
    x = rng(1).normal(size=(1, 3))
    problem = Problem(Layer(gamma=np.ones(3)), (x,), {})
    point, notes = own_point(problem, rng())
    assert (np.abs(point[0] - 1) > 0.2).all() and np.allclose(point[1], x, rtol=2.0**-30, atol=0)
    assert [(f.kind, f.array, f.severity) for f in notes] == [("moved", "gamma", "note"), ("dimension", "x", "note")]


def test_inputs_of_ones_stay_where_they_are():
    problem = Problem(Layer(gamma=rng(1).normal(size=3)), (np.ones((2, 3)),), {})
    point, notes = own_point(problem, rng())
    assert (point[1] == 1).all() and not notes


def test_there_is_a_generic_point_near_the_users_own():
    problem = Problem(pair(np.sin, np.cos), (np.array([0.0, 1.0, 1.0]),), {})
    found = choose(problem, 3, rng())
    assert found.own.g.shape == (2, 3) and found.own.g is found.near.g and not found.findings and found.exact
    assert len(np.unique(found.near.point[0])) == 3 and np.array_equal(found.own.y, np.sin(found.own.point[0]))


def test_where_the_domain_ends_too_near_there_is_only_the_users_own():
    x = np.full(8, 0.999)
    problem = Problem(pair(lambda x: np.sqrt(1 - x * x).sum(), np.cos), (x,), {})
    found = choose(problem, 1, rng())
    assert found.near.point is found.own.point and [f.kind for f in found.findings] == ["domain"]
    assert found.own.g.shape == (1, 1), "of one output there is one cotangent"


def test_small_arrays_have_directions_of_their_own_and_every_entry_is_differenced():
    plan = dense([3, 0, 4], True, rng())
    assert [p.leaf for p in plan.probes] == [0] * DIRECTIONS + [2] * DIRECTIONS
    assert plan.real == [True, False] * 2 and dense([3, 0, 4], False, rng()).real == [True] * 4
    units = special([rng(1).normal(size=3), rng(3).normal(size=4)], rng())
    assert [(p.leaf, p.coordinate) for p in units.probes] == [(0, i) for i in range(3)] + [(1, i) for i in range(4)]


def test_in_a_large_problem_one_ladder_moves_everything():
    plan = dense([LARGE, 0, 2], True, rng())
    assert [p.leaf for p in plan.probes] == [None, 0, 2] and plan.real == [True, False, False]
    plan = dense([LARGE, 0, 2], False, rng())
    assert [p.leaf for p in plan.probes] == [0, 2] and plan.real == [True, True]
    assert [p.leaf for p in apart([LARGE, 0, 2], rng(), set()).probes] == [0, 2]


def test_of_a_larger_array_entries_that_may_be_at_a_kink_are_differenced():
    x = rng(1).normal(size=EXHAUSTIVE + 100)
    assert not special([x], rng()).probes
    x[:20] = 0
    chosen = [p.coordinate for p in special([x], rng()).probes if p.coordinate is not None]
    assert len(chosen) == SUSPECTS and max(chosen) < 20 and chosen == sorted(chosen)
    rare = rng(3).normal(size=10_000)
    rare[:2] = 0.5
    assert not special([rare], rng()).probes, "two that are equal by chance among many are no reason"


def test_ties_are_also_moved_together():
    x = np.repeat(rng(1).normal(size=200), 2)
    assert [p.by_value for p in special([x], rng()).probes][-1]
    assert not any(p.by_value for p in special([rng(3).normal(size=400)], rng()).probes)
