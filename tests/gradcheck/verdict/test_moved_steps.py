"""Entries that are rounded together move each other's steps; a jump of an entry's own stays where it is."""

import numpy as np
import pytest
from narrow import brain, half

from gradcheck.adapters import pair
from gradcheck.numeric import staircase
from gradcheck.numeric.tabulate import Line
from gradcheck.subjects.declared import NOTHING
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.moved_steps import APART, OUTPUTS, all_move_steps, moves_step, places

X = np.random.default_rng(0).normal(size=40) + 0.5


def line(forward, x=X, g=None):
    problem = Problem(pair(forward, lambda x, dy: 0 * x), (x,), {}, NOTHING)
    size = problem.forward([x]).size
    return Line(problem, [x], {0: np.abs(x) + 0.25}, np.ones((1, size)) if g is None else g, size)


def entry(k, size=40):
    return {0: np.eye(1, size, k)[0]}


def branches(x):
    return x + 0.004 * (np.sin(40 * x) > 0)


def pairs(x):
    """Each entry beside its neighbour, of which the larger one counts."""
    a, b = x[0::2], x[1::2]
    return a * b + 0.004 * (np.sin(30 * (a - b)) > 0)


@pytest.mark.parametrize(
    ("forward", "all_move"),
    [
        (lambda x: x - brain(np.log(np.exp(x).sum())), True),
        (lambda x: x + half(x.mean()), True),
        (branches, False),
        (pairs, False),
        (lambda x: x + half(x[::2].mean()), False),
    ],
)
def test_steps_of_a_sum_are_moved_by_all_that_is_summed_and_those_of_entries_are_not(forward, all_move):
    along = line(forward)
    met = staircase.steps(along, finest=0.0)
    assert met is not None and all_move_steps(along, met) is all_move


def test_a_step_is_moved_by_an_entry_that_hardly_changes_it_to_either_side():
    x = X.copy()
    x[3] = 1e-3
    along = line(lambda x: np.array([x.sum() + half(np.sum(x[:20] ** 3))]), x)
    met = staircase.steps(along)
    jump = met.places[0]
    assert moves_step(along, jump, 0, entry(3)) and not moves_step(along, jump, 0, entry(30))


@pytest.mark.parametrize("start", [0.0, APART, -APART, 1e-6])
def test_a_factor_of_a_step_does_not_move_it(start):
    """It may double it, or leave none of it to one side."""
    x = X.copy()
    x[3] = start
    along = line(lambda x: np.array([(x[3] + 1e-9) * half(np.sum(x[10:])) + 100 * x[4]]), x)
    met = staircase.steps(along, finest=0.0)
    assert met is not None
    assert not moves_step(along, met.places[0], 0, entry(3))


def test_one_step_is_found_of_each_output_and_of_many_outputs_a_few():
    along = line(lambda x: np.append(half(x[:8]), x[8:]))
    found = places(along, np.array([1, 5]))
    assert [place.line.g.argmax() for place in found] == [1, 5]
    assert [place.is_moved(entry(1)) for place in found] == [True, False]
    assert places(along, np.array([20])) == [] and places(along, np.zeros(0, int)) == []
    assert len(places(along, np.arange(8))) == OUTPUTS
