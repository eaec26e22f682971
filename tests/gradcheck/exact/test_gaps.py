"""The gap between slope and claim, as a ball that must be narrow to say anything."""

import flint
import numpy as np
import pytest
from flint import arb

from gradcheck.adapters import pair
from gradcheck.exact.gaps import Gap, Gaps, size
from gradcheck.exact.run import start
from gradcheck.exact.values import as_objects, balls
from gradcheck.subjects.problem import Problem

X, Z = np.array([0.5, -1.25, 2.0]), np.array([0.25, 1.0, -3.0])


def gaps(forward, backward, *inputs):
    problem = Problem(pair(forward, backward), inputs, {})
    run = start(problem, [leaf.value for leaf in problem.leaves], np.random.default_rng(0))
    return Gaps(run, np.random.default_rng(1))


@pytest.fixture(autouse=True)
def bits():
    with flint.ctx.workprec(300):
        yield


def test_a_right_pullback_closes_the_gap_of_all_and_of_each():
    found = gaps(lambda x, z: np.sin(x) * z, lambda x, z, dy: (dy * np.cos(x) * z, dy * np.sin(x)), X, Z)
    assert found.of_all().is_closed and found.of(0).is_closed and found.of(1).is_closed
    assert all(80 < found.of_all().digits(s) <= 91 for s in found.sizes)


def test_a_wrong_one_leaves_that_of_its_array_open():
    def backward(x, z, dy):
        return dy * np.cos(x) * z, dy * np.sin(x) - dy * np.sin(x) * 2.0**-60

    found = gaps(lambda x, z: np.sin(x) * z, backward, X, Z)
    assert found.of_all().is_bounded and not found.of_all().is_closed
    assert found.of(0).is_closed and not found.of(1).is_closed
    unit = np.array([0.0, 1.0, 0.0])
    assert abs(found.of(1, direction=unit).ball / found.of(1, direction=unit).slope).contains(arb(2) ** -60)


def test_a_ball_without_a_bound_says_nothing():
    for ball in (arb.nan(), arb(0, float("inf")), arb(0, 1e-10)):
        gap = Gap(ball, arb(0), arb(1))
        assert gap.ball.contains(0) and not gap.is_bounded and not gap.is_closed


def test_the_call_that_lost_the_bound_is_named():
    with np.errstate(all="ignore"):
        found = gaps(lambda x: np.log(x * 0) * 0, lambda x, dy: dy, X)
    assert not found.of_all().is_bounded
    assert found.unbounded() == "numpy.log, which gives a number without a bound there"
    assert gaps(np.sin, lambda x, dy: dy * np.cos(x), X).unbounded() == ""


def test_digits_are_beside_the_size_and_at_most_those_of_the_balls():
    assert round(Gap(arb(1) + arb(10) ** -30, arb(1), arb(1)).digits(arb(1)), 3) == 30
    assert round(Gap(arb(1) + arb(10) ** -30, arb(1), arb(1)).digits(arb(10) ** -5), 3) == 25
    assert 90 < Gap(arb(1), arb(1), arb(1)).digits(arb(1)) < 91


def test_the_size_is_that_of_the_terms_and_zero_where_each_may_be_zero():
    assert float(size(balls(np.array([3.0, 4.0])), np.array([1.0, -1.0]))) == 5
    assert size(as_objects([arb(0, 1e-80), arb(0)]), np.ones(2)).is_zero()


def test_a_pullback_runs_once_for_each_set_of_constants():
    calls = []

    def backward(x, dy):
        calls.append(1)
        return dy * np.cos(x)

    found = gaps(np.sin, backward, X)
    found.of_all()
    found.of(0)
    found.of(0, {0.1: arb(1) / 10})
    found.of(0, {0.1: arb(1) / 10})
    assert len(calls) == 2
