"""A table that is read by straight lines: their slope is the derivative, and wide steps show what was tabled."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import compare
from gradcheck.verdict.fine_shape import allowing_for_fine_shape
from gradcheck.verdict.ground import Known

KNOTS = np.linspace(-6, 6, 10**7 + 1)
WIDTH = KNOTS[1] - KNOTS[0]
TABLE = 1 / (1 + np.exp(-KNOTS))
ALL = [Probe(0, seed=1)]


def read(x):
    place = (x + 6) / WIDTH
    i = np.floor(place).astype(int)
    return TABLE[i] + (place - i) * (TABLE[i + 1] - TABLE[i])


def line(x, dy):
    i = np.floor((x + 6) / WIDTH).astype(int)
    return dy * (TABLE[i + 1] - TABLE[i]) / WIDTH


def off_knots(size):
    x = np.random.default_rng(0).uniform(-2, 2, size)
    part = (x + 6) / WIDTH % 1
    return x[(part > 0.01) & (part < 0.99)]


@pytest.mark.parametrize("size", [30, 400])
def test_the_slope_of_the_line_does_not_fail(size):
    for seed in range(3):
        report = gradcheck.Checker(seed=seed)(pair(read, line), off_knots(size))
        assert report.verdict != "fail", report


def sine(reach):
    """Return sin from a table of 10^7 knots up to a reach, and the slopes of its lines."""
    width = 2 * reach / 10**7

    def ends(x):
        start = np.floor((x + reach) / width) * width - reach
        return start, np.sin(start), np.sin(start + width)

    def forward(x):
        start, first, last = ends(x)
        return first + (x - start) * ((last - first) / width)

    def slope(x):
        _, first, last = ends(x)
        return (last - first) / width

    return forward, slope


@pytest.mark.parametrize(("reach", "seed"), [(4, 18), (6, 10), (6, 19), (10, 10), (8, 3)])
def test_the_slope_of_a_line_fails_for_no_seed_and_that_of_what_is_tabled_passes_for_none(reach, seed):
    """Small differences of many entries average over several lines, by chance as the smooth slope has it."""
    x = np.clip(np.random.default_rng(0).normal(size=30), 0.5 - reach, reach - 0.5)
    forward, slope = sine(reach)
    check = gradcheck.Checker(seed=seed)
    right = check(pair(forward, lambda x, dy: dy * slope(x)), x)
    smooth = check(pair(forward, lambda x, dy: dy * np.cos(x)), x)
    assert right.verdict != "fail" and smooth.verdict != "pass", f"{right}{smooth}"


@pytest.mark.parametrize("factor", [1 + 1e-5, 1.01])
def test_one_that_is_off_by_more_than_the_shape_fails(factor):
    report = gradcheck.Checker()(pair(read, lambda x, dy: factor * line(x, dy)), off_knots(30))
    assert report.verdict == "fail", report


def test_a_slight_contradiction_of_a_smooth_function_stays_and_a_plain_one_is_not_asked(ground, rng):
    x = np.random.default_rng(1).uniform(-2, 2, 30)
    for factor, asked in ((1 + 1e-8, True), (1.01, False)):
        place = ground(np.arctan, lambda x, dy, f=factor: f * dy / (1 + x * x), x)
        place = dataclasses.replace(place, exact=False)
        comparisons, _ = compare(place, Known(), ALL, [True], rng)
        before = place.problem.count["forward"]
        (found,) = allowing_for_fine_shape(place, comparisons)
        assert comparisons[0].outside().any() and found is comparisons[0]
        assert (place.problem.count["forward"] > before) is asked


def test_what_agrees_costs_nothing(ground, rng):
    place = dataclasses.replace(ground(np.arctan, lambda x, dy: dy / (1 + x * x), off_knots(30)), exact=False)
    comparisons, _ = compare(place, Known(), ALL, [True], rng)
    before = place.problem.count["forward"]
    assert allowing_for_fine_shape(place, comparisons) == comparisons
    assert place.problem.count["forward"] == before
