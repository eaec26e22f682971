"""Claimed against numeric: doubtful comparisons are looked at again, and no failure goes unconfirmed."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.constants import WINDOW
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.ladder import SECOND_STEPS, STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Exact, Reading
from gradcheck.numeric.scales import quantise
from gradcheck.precision.formats import LOW, need
from gradcheck.verdict import compare as module
from gradcheck.verdict import first_look
from gradcheck.verdict.compare import (
    _confirmed,
    _failing,
    _retried,
    _sharpened,
    _with_own_noise,
    compare,
    glance,
    laddered,
    widened,
)
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
        return np.sin(x) if len(calls) < 1 + 2 * (len(WINDOW) + len(STEPS)) + 28 else np.full_like(x, np.nan)

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


class Kept:
    """A mapper that keeps what it was asked and what came back."""

    def __init__(self):
        self.tasks, self.readings = [], []

    def __call__(self, read, tasks):
        found = list(map(read, tasks))
        self.tasks += tasks
        self.readings += found
        return found

    def ladders(self, probe):
        return sum(t.steps is not None for t in self.tasks if t.probe == probe)


def noisy(x):
    return np.sin(x) + 1e-9 * np.sin(1e13 * np.real(x)) * np.arange(x.size)


def test_the_noise_that_is_known_is_the_largest_that_was_met(ground):
    kept = Kept()
    place = ground(noisy, lambda x, dy: np.cos(x) * dy, X, mapper=kept)
    probes = [Probe(0, seed=k) for k in range(3)]
    _, known = glance(place, Known(), probes, [True] * 3, np.random.default_rng(4))
    levels = [r.noise.max() for r in kept.readings if r.noise is not None]
    assert levels and known.levels == {0: max(levels)} and max(levels) > 0
    assert all(len(r.noise) == 2 for r in kept.readings if r.noise is not None)
    _, again = glance(place, Known({0: 0.5}), probes, [True] * 3, np.random.default_rng(4))
    assert again.levels == {0: 0.5}


def dense(ground, backward, real, *arrays, forward=lambda x, y: np.sin(x) * np.exp(y)):
    kept = Kept()
    place = ground(forward, backward, *arrays, exact=True, mapper=kept)
    probes = [Probe(k % len(arrays), seed=10 + k) for k in range(len(real))]
    found, _ = compare(place, Known(), probes, real, np.random.default_rng(4))
    return kept, probes, found


def right(x, y, dy):
    return np.cos(x) * np.exp(y) * dy, np.sin(x) * np.exp(y) * dy


def test_of_an_array_that_is_surely_wrong_no_more_ladders_are_taken(ground):
    def backward(x, y, dy):
        dx, d_y = right(x, y, dy)
        return 1.01 * dx, d_y

    kept, probes, found = dense(ground, backward, [True, True, False, False, False, False], X, X)
    assert [bool(c.outside().any()) for c in found] == [True, False, False, False, False, False]
    assert [kept.ladders(probe) for probe in probes] == [1, 1, 0, 0, 0, 0]


def test_what_the_complex_step_alone_contradicts_is_looked_at_unless_its_array_is_wrong_already(ground):
    def backward(x, y, dy):
        dx, d_y = right(x, y, dy)
        return 1.01 * dx, 1.01 * d_y

    kept, probes, found = dense(ground, backward, [True, False, False, False], X, X)
    assert kept.ladders(probes[0]) == 1 and kept.ladders(probes[2]) == 0
    assert kept.ladders(probes[1]) >= 1 and kept.ladders(probes[3]) >= 1
    assert all(found[k].outside().any() for k in (0, 1, 3)) and not found[2].outside().any()


def slightly_off(x, y, dy):
    dx, d_y = right(x, y, dy)
    return (1 + 1e-13) * dx, d_y


def test_the_noise_of_the_complex_step_is_measured_where_it_alone_contradicts(ground):
    kept, probes, found = dense(ground, slightly_off, [True, True], X, X)
    jittered = [t.probe for t in kept.tasks if t.jitter is not None and t.steps is None]
    assert jittered.count(probes[0]) == 1 and probes[1] not in jittered
    (reading,) = [r for t, r in zip(kept.tasks, kept.readings, strict=True) if t.jitter is not None and t.steps is None]
    first = next(r for r in kept.readings if r.probe == probes[0])
    assert reading.exact.noise.shape == (2,) and first.exact is not None
    place = ground(lambda x, y: np.sin(x) * np.exp(y), slightly_off, X, X, exact=True)
    (before,), _ = glance(place, Known(), probes[:1], [True], np.random.default_rng(4))
    added = found[0].exact_bar - before.exact_bar
    np.testing.assert_allclose(added, 8 * reading.exact.noise, rtol=1e-6, atol=1e-18)


def test_a_wrong_claim_for_one_cotangent_is_confirmed_as_one_for_all_is(ground):
    def backward(x, dy):
        off = 1 + 0.01 * (dy.sum() == TOTAL)
        return off * np.cos(x) * dy

    place = ground(np.sin, right_sine, X)
    TOTAL = place.place.g[1].sum()
    wrong = ground(np.sin, backward, X)
    (found,), known = entries(wrong, 0)
    assert found.outside().tolist() == [False, True] and len(found.sweep.steps) > len(STEPS)
    assert known.grain is not None


def right_sine(x, dy):
    return np.cos(x) * dy


def test_outputs_that_are_coarse_are_looked_at_again_with_their_grain(ground):
    """1 + tanh x near -8 moves in steps of 1e-16: its own size promises less, and only its grain acquits the claim."""
    x = np.array([-8.0, 0.3, 1.2])
    place = ground(lambda x: 1 + np.tanh(x), lambda x, dy: dy * (1 - np.tanh(x) ** 2) * (1 + 1e-9), x)
    (found,), known = entries(place, 0)
    assert not found.outside().any()
    assert known.grain is None or known.grain[0] > 0


def test_a_wave_finer_than_the_measured_noise_is_read_by_the_smallest_steps(ground):
    """What a table takes for noise may be a fine shape of f: steps below it confirm the claim to rounding."""
    width = 1e-7

    def forward(x):
        return x + width * np.sin(x / width)

    def backward(x, dy):
        return dy * (1 + np.cos(x / width))

    found, _ = entries(ground(forward, backward, X))
    assert not any(c.outside().any() for c in found)
    wrong, _ = entries(ground(forward, lambda x, dy: dy * (2 + np.cos(x / width)), X))
    assert not any(c.resolved and not c.outside().any() for c in wrong)


def test_an_entry_of_its_own_scale_keeps_its_complex_step_in_its_own_unit(ground):
    x = np.array([3.0, 4.0, 2.0**-40, 5.0, 6.0])
    place = ground(np.log, lambda x, dy: dy / x, x, exact=True)
    (found,), _ = entries(place, 2)
    assert found.probe.own_scale and found.unit == 2.0**-40
    g = place.place.g[:, 2]
    np.testing.assert_allclose(found.exact, g, rtol=1e-12, atol=0)  # the slope 1 / x along a step of x
    assert (found.exact_bar < 1e-12).all() and found.resolved


def test_an_entry_without_a_scale_of_its_own_is_not_tried_again_with_it(ground):
    kept = Kept()
    x = np.array([0.0, 1.0, 2.0])
    place = ground(lambda x: np.abs(x), lambda x, dy: 3 * dy, x, mapper=kept, measures_noise=False)
    (found,), _ = entries(place, 0)
    assert found.kink.all() and not found.probe.own_scale and found.outside().any()
    assert not any(t.probe.own_scale for t in kept.tasks)


# One comparison at a time


def narrow(x):
    """Squares in float32 beside a large number: noise that is little beside all of <g, y>, and much beside one x^2."""
    return np.append(1e4 + x[:1], np.float64((x * x).astype(np.float32)))


def test_what_a_coarse_subject_leaves_open_has_the_noise_of_its_own_probe(ground):
    place = ground(narrow, lambda x, dy: 2 * x * dy[1:] + np.append(dy[0], 0 * x[1:]), X)
    probes = [Probe(0, coordinate=i) for i in range(1, 6)]
    known = Known({0: 2.0**-39})
    before = [first_look.claimed(place, probe) for probe in probes]
    before = laddered(place, known, before, list(range(5)), STEPS)
    assert any((c.real.bar > 0.1 * np.abs(c.claimed)).any() for c in before), "some must be left open"
    after = _with_own_noise(place, known, before, list(range(5)))
    for c in after:
        assert not c.outside().any() and (c.real.bar < need(known.largest) * np.abs(c.claimed)).all()
    assert _with_own_noise(place, Known({0: LOW}), before, list(range(5))) is before
    kept = Kept()
    assert _with_own_noise(dataclasses.replace(place, mapper=kept), known, after, list(range(5))) == after
    assert not kept.tasks, "what is resolved is not measured again"


def test_a_complex_step_is_widened_by_eight_times_its_noise_where_it_is_named(ground, comparison):
    place = ground(lambda x: np.exp(np.sin(40 * x)), lambda x, dy: dy, X, exact=True)
    probes = [Probe(0, seed=k) for k in range(3)]
    before = [comparison([1.0, 1.0], 1.0, exact=[1.0, 1.0], probe=p) for p in probes]
    kept = Kept()
    found = widened(dataclasses.replace(place, mapper=kept), before, [2, 0], np.random.default_rng(4))
    assert found[1] is before[1] and [t.probe for t in kept.tasks] == [probes[2], probes[0]]
    assert [t.jitter for t in kept.tasks] == np.random.default_rng(4).integers(2**32, size=2).tolist()
    assert all(t.exact and t.steps is None for t in kept.tasks)
    for k, reading in zip((2, 0), kept.readings, strict=True):
        assert (reading.exact.noise > 0).all()
        np.testing.assert_allclose(found[k].exact_bar, 1e-15 + 8 * reading.exact.noise, rtol=1e-12, atol=0)
    bare = [comparison([1.0, 1.0], 1.0, probe=probes[0])]
    assert widened(place, bare, [0], np.random.default_rng(4)) == bare


def test_a_change_of_the_complex_step_above_the_root_of_a_rounding_of_the_largest_is_none(ground, comparison):
    root, along = 2.0**-26.5, comparison([1.0, 1.0], 1.0, exact=1.0, probe=Probe(0, seed=1))

    def noisy(read, tasks):
        value = np.array([1.0, -4.0])
        return [Reading(task.probe, exact=Exact(value, value, 4 * root * np.array([0.9, 1.1]))) for task in tasks]

    place = ground(np.sin, lambda x, dy: np.cos(x) * dy, X, exact=True, mapper=noisy)
    (found,) = widened(place, [along], [0], np.random.default_rng(4))
    np.testing.assert_allclose(found.exact_bar, [1e-15 + 8 * 3.6 * root, 1e-15], rtol=1e-12, atol=0)


def test_a_jump_of_the_complex_step_is_no_noise(ground, comparison):
    def forward(x):
        return np.where(np.real(x) > X, 2 * x, x)

    place = ground(forward, lambda x, dy: dy, X, exact=True)
    along = comparison([1.0, 1.0], 1.0, exact=1.0, probe=Probe(0, seed=1))
    (found,) = widened(place, [along], [0], np.random.default_rng(4))
    assert (found.exact_bar == 1e-15).all()


def test_what_is_settled_is_not_tried_again_nor_what_has_no_differences(ground, comparison):
    kept = Kept()
    place = ground(np.sin, lambda x, dy: np.cos(x) * dy, X, mapper=kept)
    settled, bare = comparison([1.0, 1.0], 1.0), comparison([1.0, 1.0])
    for own in (False, True):
        assert _retried(place, Known(), [settled, bare], [0, 1], own) == [settled, bare]
    open_dense = comparison([1.0, 1.0], np.nan, bar=np.inf, probe=Probe(0, seed=1))
    assert _retried(place, Known(), [open_dense], [0], True) == [open_dense] and not kept.tasks


@pytest.mark.parametrize(
    "numbers",
    [
        {"value": np.nan, "bar": np.inf},
        {"value": [np.nan, 1.0], "bar": [np.inf, 1e-9]},
        {"value": [1.0, 5.0]},
        {"value": 1.0, "kink": [True, False]},
    ],
)
def test_an_open_kinked_or_contradicted_entry_is_tried_with_steps_of_its_own_size(ground, comparison, numbers):
    x = np.array([3.0, 4.0, 2.0**-20, 5.0, 6.0])
    place = ground(np.log, lambda x, dy: dy / x, x)
    old = comparison([1.0, 1.0], probe=Probe(0, coordinate=2), unit=4.0, exact=2.0, exact_bar=0.5, **numbers)
    (found,) = _retried(place, Known(), [old], [0], True)
    assert found.probe.own_scale and found.unit == 2.0**-20 and found.resolved and len(found.sweep.steps) == len(STEPS)
    assert found.exact.tolist() == [2 * 2.0**-22] * 2 and found.exact_bar.tolist() == [0.5 * 2.0**-22] * 2
    (bare,) = _retried(place, Known(), [dataclasses.replace(old, exact=None, exact_bar=None)], [0], True)
    assert bare.resolved and bare.exact is None


def test_an_open_entry_is_tried_on_the_second_ladder_and_left_if_that_says_nothing(ground, comparison):
    kept = Kept()
    place = ground(np.sin, lambda x, dy: np.cos(x) * dy, X, mapper=kept)
    unresolved = comparison([1.0, 1.0], np.nan, bar=np.inf, probe=Probe(0, coordinate=1))
    (found,) = _retried(place, Known(), [unresolved], [0], False)
    assert found.resolved and np.array_equal(kept.tasks[0].steps, SECOND_STEPS) and not found.probe.own_scale
    nowhere = ground(lambda x: np.where(x == X, x, np.nan), lambda x, dy: dy, X)
    (left,) = _retried(nowhere, Known(), [unresolved], [0], False)
    assert left is unresolved


@pytest.mark.parametrize("wrong", [[False, True], [True, True]])
def test_steps_of_its_own_size_that_a_rounding_swallows_contradict_nothing(ground, comparison, sweep, wrong):
    """Of 3 + 4 + 2^-60 no step of the last changes the sum; a claim of 2^50 is not seen to be wrong by that."""
    right = ground(lambda x: x.sum(keepdims=True), lambda x, dy: dy * np.ones(3), np.array([3.0, 4.0, 2.0**-60]))
    claims = np.where(wrong, 2.0**50, 1.0)[:, None] * right.claim.values[0]
    place = dataclasses.replace(right, claim=dataclasses.replace(right.claim, values=[claims]))
    old = comparison([1.0, 1.0], [1.0, 5.0], probe=Probe(0, coordinate=2), unit=4.0, sweep=sweep(np.sin, np.sin))
    assert _retried(place, Known(), [old], [0], True) == [old]
    still = dataclasses.replace(old, sweep=sweep(np.zeros_like, np.zeros_like))
    (found,) = _retried(place, Known(), [still], [0], True)
    assert found.outside().tolist() == wrong, "where nothing ever moves, the claim must be nothing"
    (found,) = _retried(right, Known(), [old], [0], True)
    assert found.probe.own_scale, "what agrees to a rounding is taken"


def test_of_two_outputs_one_that_a_rounding_swallows_is_enough(ground, comparison, sweep):
    """7 + x stays where log x moves; and what moves and contradicts the claim is taken."""
    x = np.array([3.0, 4.0, 2.0**-60])
    place = ground(lambda x: np.stack([x.sum(), np.log(x[2])]), lambda x, dy: dy[0] + dy[1] / x, x)
    place = dataclasses.replace(place, place=dataclasses.replace(place.place, g=np.eye(2)))
    old = comparison([1.0, 1.0], [1.0, 5.0], probe=Probe(0, coordinate=2), unit=4.0, sweep=sweep(np.sin, np.sin))
    for slopes, kept in (([2.0**60, 2.0**60], True), ([1.0, 2.0**60], False), ([1.0, 2.0**61], True)):
        claims = np.outer(slopes, [0.0, 0.0, 1.0])
        here = dataclasses.replace(place, claim=dataclasses.replace(place.claim, values=[claims]))
        (found,) = _retried(here, Known(), [old], [0], True)
        assert (found is old) is kept
    moving = ground(np.log, lambda x, dy: 2 * dy / x, x)
    (found,) = _retried(moving, Known(), [old], [0], True)
    assert found.probe.own_scale and found.outside().all()


# What is asked again


def same(steps, others):
    return steps is not None and len(steps) == len(others) and np.array_equal(steps, others)


def test_along_a_kink_for_one_cotangent_no_noise_is_measured_and_elsewhere_where_that_is_asked(ground, comparison):
    for kink, asked, measured in (([True, False], True, False), (False, True, True), (False, None, False)):
        kept = Kept()
        place = ground(np.sin, right_sine, X, mapper=kept, measures_noise=False)
        found = [comparison([1.0, 1.0], 1.0, kink=kink)]
        laddered(place, Known(), found, [0], STEPS, **({} if asked is None else {"noise": asked}))
        assert [t.noise for t in kept.tasks] == [measured]


def test_what_the_first_ladder_leaves_open_is_tried_on_the_second(ground, comparison):
    calls = []

    def late(x):
        """Nowhere as long as the first ladder is climbed."""
        calls.append(x)
        return np.where(len(calls) > 1 + 2 * len(STEPS), np.sin(x), np.nan)

    calls.clear()
    kept, right = Kept(), ground(np.sin, right_sine, X)
    place = dataclasses.replace(ground(late, right_sine, X, mapper=kept), place=right.place, claim=right.claim)
    unresolved = first_look.claimed(place, Probe(0, seed=1))
    calls[:] = [X]
    (found,), _ = _confirmed(place, Known(), [unresolved], [0], np.random.default_rng(4))
    assert found.resolved and not found.outside().any()
    assert same(kept.tasks[0].steps, STEPS) and same(kept.tasks[1].steps, SECOND_STEPS)


@pytest.mark.parametrize("wrong", [[False, True], [True, True]])
def test_a_complex_step_that_alone_contradicts_for_one_cotangent_is_widened(ground, wrong):
    kept = Kept()
    place = ground(np.sin, right_sine, X, exact=True, mapper=kept)
    (seen,), known = glance(place, Known(), [Probe(0, seed=1)], [True], np.random.default_rng(4))
    off = dataclasses.replace(seen, exact=seen.claimed * np.where(wrong, 1 + 1e-11, 1.0))
    kept.tasks.clear()
    _sharpened(place, known, [off], np.random.default_rng(4))
    assert sum(t.jitter is not None and t.steps is None for t in kept.tasks) == 1
    real = dataclasses.replace(off, claimed=off.claimed * np.where(wrong, 1.01, 1.0))
    kept.tasks.clear()
    (found,), _ = _sharpened(place, known, [real], np.random.default_rng(4))
    assert found.outside().tolist() == wrong
    assert not any(t.jitter is not None and t.steps is None for t in kept.tasks), "differences contradict it as well"


def test_of_many_entries_that_are_wrong_for_one_cotangent_the_first_few_are_confirmed(ground, rng):
    x, kept = quantise(rng.normal(size=20)), Kept()
    second = ground(np.sin, right_sine, x).place.g[1].sum()

    def backward(x, dy):
        return np.cos(x) * dy * (1.01 if dy.sum() == second else 1.0)

    found, _ = entries(ground(np.sin, backward, x, mapper=kept))
    assert all(c.outside().tolist() == [False, True] for c in found)
    assert sum(len(c.sweep.steps) > len(STEPS) for c in found) == 6


def test_a_kink_at_which_nothing_is_wrong_asks_for_no_coarseness(ground):
    x = np.append(X, 0.0)
    place = ground(np.abs, lambda x, dy: np.sign(x) * dy, x, measures_noise=False)
    (found,), known = entries(place, 6)
    assert found.kink.all() and not found.outside().any() and known.grain is None


def test_what_its_grain_acquits_does_not_fail_and_what_is_wrong_for_one_cotangent_does(ground):
    """1 + tanh x near -8 moves in steps of 1e-16, and at 0.3 in none that is coarser than its size."""
    kept, x = Kept(), np.array([-8.0, 0.3])
    place = ground(lambda x: 1 + np.tanh(x), lambda x, dy: dy * (1 - np.tanh(x) ** 2), x, mapper=kept)
    probes = [Probe(0, coordinate=i) for i in range(2)]
    (first, second), known = glance(place, Known(), probes, [True] * 2, np.random.default_rng(4))
    first = dataclasses.replace(first, claimed=first.claimed * (1 + 1e-8), real=None)
    bare = dataclasses.replace(first.sweep, coarse=0 * first.sweep.coarse)
    first = dataclasses.replace(first, sweep=bare, real=estimate(bare, 4 * 2.0**-53 * bare.weight, 2.0**-53))
    second = dataclasses.replace(second, claimed=second.claimed * np.array([1.01, 1.0]))
    assert first.outside().any() and second.outside().tolist() == [True, False]
    kept.tasks.clear()
    found, known, failing = _failing(place, known, [first, second], [0, 1], np.random.default_rng(4))
    assert (known.grain > 0).tolist() == [True, False] and len(kept.tasks) == 2
    assert failing == [1] and not found[0].outside().any()
    same, again, failing = _failing(place, known, found, failing, np.random.default_rng(4))
    assert again.grain is known.grain and failing == [1]
    assert len(kept.tasks) == 2 and same is found, "a grain that is known tells nothing new"


def test_a_plain_failure_that_the_complex_step_shows_as_well_needs_no_other_ladder(ground):
    kept = Kept()
    place = ground(np.sin, right_sine, X, exact=True, mapper=kept)
    (seen,), known = glance(place, Known(), [Probe(0, seed=1)], [True], np.random.default_rng(4))
    real = dataclasses.replace(
        seen.real, value=2 * seen.real.value, low=2 * seen.real.low, high=2 * seen.real.high
    )
    sweep = dataclasses.replace(seen.sweep, central=2 * seen.sweep.central)
    for exact, asks in ((2 * seen.exact, False), (seen.exact, True), (None, True)):
        off = dataclasses.replace(seen, real=real, exact=exact, sweep=sweep)
        assert off.outside().all() and off.is_plain() is not asks
        kept.tasks.clear()
        (found,), _ = _sharpened(place, known, [off], np.random.default_rng(4))
        assert bool(kept.tasks) is asks and found.outside().all() is not asks


def test_noise_of_the_complex_step_that_is_measured_after_a_first_look_counts(ground, monkeypatch):
    place = ground(np.sin, lambda x, dy: np.cos(x) * dy, X, exact=True)

    def noisier(ground, known, comparisons, readings, rng):
        (reading,) = readings
        return [dataclasses.replace(reading, exact=dataclasses.replace(reading.exact, noise=np.full(2, 2.0**-30)))]

    monkeypatch.setattr(module, "with_exact_noise", noisier)
    (c,), known = glance(place, Known(), [Probe(0, seed=1)], [False], np.random.default_rng(1))
    assert (c.exact_bar >= 2.0**-28).all() and (known.exact[0, True] == 2.0**-30).all()


def test_a_bar_as_wide_as_a_coarse_subject_needs_is_not_measured_again(ground, comparison):
    kept, level = Kept(), 2.0**-20
    place = ground(np.sin, lambda x, dy: np.cos(x) * dy, X, mapper=kept)
    for part, asked in ((1.0, 0), (1.0 + 2.0**-40, 1)):
        c = comparison([1.0, 1.0], 1.0, bar=part * need(level), probe=Probe(0, seed=1))
        _with_own_noise(place, Known({0: level}), [c], [0])
        assert len(kept.tasks) == asked


def test_what_was_never_contradicted_acquits_no_array_whose_first_failures_stand(ground, comparison, monkeypatch, rng):
    """Nine entries fail, of which six are confirmed; the tenth is open."""
    wrong = [comparison(1.0, 2.0, probe=Probe(0, coordinate=i)) for i in range(9)]
    still_open = comparison(1.0, 1.0, bar=0.5, probe=Probe(0, coordinate=9))
    asked = []
    monkeypatch.setattr(
        module, "_confirmed", lambda ground, known, found, which, rng: asked.append(which) or (found, known)
    )
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(10))
    module._sharpened(at, Known(), [*wrong, still_open], rng)
    assert asked == [[0, 1, 2, 3, 4, 5, 9], []]
