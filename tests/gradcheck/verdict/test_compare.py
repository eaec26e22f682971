"""Claimed against numeric: doubtful comparisons are looked at again, and no failure goes unconfirmed."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.constants import WINDOW
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import quantise
from gradcheck.verdict.compare import compare, glance
from gradcheck.verdict.ground import Known

rng = np.random.default_rng(1)
X = quantise(rng.normal(size=6))


def entries(ground, *which, known=None, by=compare):
    """Compare at single entries, all of them unless `which` are named."""
    which = which or range(ground.place.point[0].size)
    probes = [Probe(0, coordinate=i) for i in which]
    return by(ground, known or Known(), probes, [True] * len(which), np.random.default_rng(4))


@pytest.fixture
def compared(ground):
    return lambda forward, backward, x=X, by=compare: entries(ground(forward, backward, x), by=by)[0]


def test_what_agrees_is_measured_with_the_first_window_only(compared):
    found = compared(np.sin, lambda x, dy: np.cos(x) * dy)
    assert all(len(c.sweep.steps) == len(WINDOW) for c in found)
    assert not any(c.outside().any() for c in found)


def test_what_fails_is_confirmed_on_a_second_ladder(compared):
    found = compared(np.sin, lambda x, dy: 1.001 * np.cos(x) * dy)
    assert all(c.outside().any() for c in found)
    assert all(len(c.sweep.steps) > len(STEPS) for c in found)


def test_at_a_glance_nothing_is_measured_twice(compared):
    found = compared(np.sin, lambda x, dy: 1.001 * np.cos(x) * dy, by=glance)
    assert all(len(c.sweep.steps) == len(WINDOW) for c in found)


def test_of_many_failures_the_first_few_are_confirmed(compared, rng):
    x = quantise(rng.normal(size=40))
    found = compared(np.sin, lambda x, dy: 1.001 * np.cos(x) * dy, x)
    assert sum(len(c.sweep.steps) > len(STEPS) for c in found) == 6
    assert all(c.outside().any() for c in found)


def test_where_the_first_failures_are_acquitted_the_others_are_looked_at_again(compared, rng):
    x, width = quantise(rng.normal(size=20)), 1e-8  # a step of the slope that only the smallest steps see

    def forward(z):
        return z + width * np.tanh((z - x) / width)

    first = compared(forward, lambda x, dy: 2 * dy, x, by=glance)
    assert sum(c.outside().any() for c in first) > 6
    assert not any(c.outside().any() for c in compared(forward, lambda x, dy: 2 * dy, x))


def test_an_entry_far_smaller_than_its_array_is_stepped_by_its_own_size(compared):
    x = np.array([3.0, 4.0, 2.0**-40, 5.0, 6.0])
    found = compared(np.log, lambda x, dy: dy / x, x)
    assert found[2].probe.own_scale and found[2].unit == 2.0**-40
    assert not any(c.outside().any() for c in found) and all(c.resolved for c in found)


def test_a_second_ladder_that_resolves_nothing_leaves_the_first_answer(ground):
    calls = []

    def forward(x):
        """Right for the first ladders; afterwards the function is nowhere."""
        calls.append(1)
        return np.sin(x) if len(calls) < 1 + 2 * (len(WINDOW) + len(STEPS)) + 20 else np.full_like(x, np.nan)

    (found,), _ = entries(ground(forward, lambda x, dy: 1.001 * np.cos(x) * dy, X), 0)
    assert found.outside().any()


def test_whether_outputs_are_coarse_is_asked_once_and_only_where_something_fails(ground):
    _, known = entries(ground(np.sin, lambda x, dy: np.cos(x) * dy, X), 0)
    assert known.grain is None
    wrong = ground(np.sin, lambda x, dy: 1.001 * np.cos(x) * dy, X)
    _, known = entries(wrong, 0)
    assert known.grain is not None and not known.grain.any()
    assert entries(wrong, 1, known=known)[1].grain is known.grain


def test_noise_is_measured_where_a_failure_is_confirmed_but_at_the_given_point_not_along_a_kink(ground):
    seen = []

    def mapper(read, tasks):
        seen.extend(tasks)
        return map(read, tasks)

    x = np.append(X, 0.0)
    def backward(x, dy):
        return np.where(x == 0, 2, 1.1 * (x > 0)) * dy

    smooth = int(np.argmax(x))
    given = ground(lambda x: np.maximum(x, 0), backward, x, mapper=mapper, measures_noise=False)
    entries(given, smooth, 6)
    assert {task.probe.coordinate for task in seen if task.noise} == {smooth}


def test_a_complex_step_that_cancels_is_widened_and_not_believed_too_far():
    """Near 1 the polynomial's derivative is a sum of large terms that cancel, in the pullback and in numbers."""

    def forward(x):
        return ((((((x - 7) * x + 21) * x - 35) * x + 35) * x - 21) * x + 7) * x - 1

    def backward(x, dy):
        return dy * 7 * (x - 1) ** 6

    x = 1 + 0.01 * X
    assert gradcheck.check(pair(forward, backward), x).verdict != "fail"
