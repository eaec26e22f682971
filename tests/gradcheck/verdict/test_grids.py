"""Fine steps of f's own are told from those of float32, and who claims either slope of them is not contradicted."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import compare
from gradcheck.verdict.grids import over_fine_grid
from gradcheck.verdict.ground import Known
from gradcheck.verdict.own_jumps import EITHER
from gradcheck.verdict.worst_entry import line_at

X = np.random.default_rng(0).normal(size=12)


def single(x):
    return x.astype(np.float32).astype(float)


def fixed(bits):
    return lambda x: np.round(x * 2.0**bits) / 2.0**bits


def over(ground, rng, rounding, slope):
    place = ground(lambda x: np.sin(rounding(x)), lambda x, dy: slope * np.cos(x) * dy, X)
    (c,), _ = compare(place, Known(), [Probe(0, seed=1)], [True], rng)
    line = line_at(place, c.probe.direction(place.place.point))
    return c, over_fine_grid(place, c, line, False)


@pytest.mark.parametrize("bits", [22, 24, 30])
def test_a_claim_of_nothing_on_a_fixed_grid_is_contradicted_no_more(ground, rng, bits):
    c, found = over(ground, rng, fixed(bits), 0)
    assert c.outside().any() and not found.outside().any()
    assert bits == 22 or found.doubt == EITHER, "steps as fine as float32's might be those of numbers that cancel"


@pytest.mark.parametrize(("rounding", "slope"), [(single, 0), (single, 1.1), (fixed(24), 1.1), (np.array, 1.1)])
def test_a_claim_of_nothing_in_float32_is_and_one_that_is_neither_slope(ground, rng, rounding, slope):
    c, found = over(ground, rng, rounding, slope)
    assert c.outside().any() and found is None


@pytest.mark.parametrize(
    ("size", "grid", "seed"), [(4, 1e-8, 1), (20, 1e-8, 0), (400, 1e-8, 1), (20, 1e-11, 1), (400, 1e-11, 2)]
)
def test_no_entry_of_an_array_on_a_fine_grid_is_contradicted_where_it_meets_too_few_steps(size, grid, seed):
    x = np.random.default_rng(seed).normal(size=size)
    rounded = pair(lambda x: np.round(x.real / grid) * grid, lambda x, dy: 0 * dy)
    assert gradcheck.Checker(seed=seed)(rounded, x).verdict == "inconclusive"
    assert gradcheck.Checker(seed=seed)(pair(lambda x: x * 1, lambda x, dy: 0 * dy), x).verdict == "fail"


@pytest.mark.parametrize(("slope", "is_known", "found"), [(0, True, True), (0, False, False), (1.1, True, False)])
def test_where_steps_are_known_one_that_shows_none_is_told_by_what_f_does_between_them(
    ground, comparison, slope, is_known, found
):
    """Steps of 2^-30 along the last of 400 entries, of which those that stay have no roundings."""
    x = np.append(np.full(399, 1e3), 1.0)
    place = ground(lambda x: fixed(30)(x), lambda x, dy: slope * dy, x)
    c = comparison(slope * place.place.g[:, -1], place.place.g[:, -1], probe=Probe(0, coordinate=399))
    line = line_at(place, {0: 2.0**-24 * np.eye(1, 400, 399)[0]})
    seen = over_fine_grid(place, c, line, is_known)
    assert (seen is not None and seen.doubt == EITHER) == found


def test_the_slope_of_what_is_rounded_is_undecided_where_differences_contradict_it(ground, comparison, sweep):
    place = ground(lambda x: np.sin(fixed(24)(x)), lambda x, dy: np.cos(x) * dy, np.ones(1))
    line = line_at(place, {0: np.ones(1)})
    seen = sweep(*[lambda t, g=g: g * np.sin(fixed(24)(1 + t)) for g in place.place.g[:, 0]])
    claimed = place.place.g[:, 0] * np.cos(1.0)
    for factor in (1.0, 1.1):
        c = comparison(factor * claimed, 0.0, sweep=seen, bounds=np.full(seen.steps.shape, 1e-16))
        found = over_fine_grid(place, c, line, False)
        assert c.outside().all()
        assert found is None if factor > 1 else found.doubt == EITHER
