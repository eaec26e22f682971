"""The noise of a function is measured, not assumed."""

import dataclasses
from math import comb

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.numeric import noise
from gradcheck.numeric.constants import COARSEST, NOISE_POINTS, QUIET, SPACINGS, UNIT, U
from gradcheck.numeric.ladder import STEPS, Sweep, few_bits, rounded, sweep
from gradcheck.numeric.noise import bound, has_fine_shape, measured
from gradcheck.numeric.plain import Plain
from gradcheck.numeric.probe import Along, Probe
from gradcheck.numeric.scales import quantise
from gradcheck.numeric.tabulate import Line
from gradcheck.subjects.problem import Problem

X = quantise(np.random.default_rng(1).normal(size=50))
G = np.random.default_rng(2).choice([-1.0, 1.0], (2, 50))


def level(function, x=X):
    problem = Problem(pair(function, lambda x, dy: dy), (x,), {})
    return measured(problem, [x], Probe(0, seed=3), G)


def test_a_function_that_rounds_once_has_no_noise_beyond_that():
    assert (level(lambda x: x * 3.0) <= UNIT[np.dtype(float)]).all()
    assert (level(lambda x: 0 * x + 7.0) == 0).all()


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-6])
def test_the_level_of_noise_is_found_within_a_factor(size):
    def noisy(x):
        return np.sin(x) + size * np.sin(1e13 * x)  # deterministic, and as good as random

    weight = np.minimum(np.abs(np.sin(X)).sum(), 8 * np.linalg.norm(np.sin(X)))
    true = size * np.sqrt(X.size / 2) / weight
    assert (true / 10 < level(noisy)).all() and (level(noisy) < 10 * true).all()


def test_a_smooth_function_of_many_roundings_is_near_them():
    found = level(lambda x: np.exp(np.sin(np.cumsum(x) / 7)))
    assert (found < 1e-14).all()


def test_a_quiet_sum_of_outputs_beside_a_noisy_one_hides_nothing():
    def noisy(x):
        return np.sin(x) + 1e-9 * np.sin(1e13 * x)

    def half(x):
        return np.concatenate([2.0 * x[:25], noisy(x[25:])])

    problem, halves = Problem(pair(half, lambda x, dy: dy), (X,), {}), np.repeat(np.eye(2), 25, axis=1) * G
    both = measured(problem, [X], Probe(0, seed=3), halves)
    assert both[0] < 1e-15 < 1e-11 < both[1]
    assert np.array_equal(both, [measured(problem, [X], Probe(0, seed=3), row[None])[0] for row in halves])


@pytest.mark.parametrize("reach", [1e-7, 3e-9])
def test_spacings_that_leave_the_domain_are_passed_over(reach):
    """Those that stay inside find the noise that a domain without an end shows too."""

    def noisy(x):
        return np.sin(x) + 1e-12 * np.sin(1e13 * x)

    def picky(x):
        return np.where(np.abs(x - X) > reach, np.nan, noisy(x))

    assert (level(picky) > 0).all() and np.array_equal(level(picky), level(noisy))


@pytest.mark.parametrize("g", [np.ones((1, 50)), None], ids=["together", "each"])
def test_spacings_at_which_outputs_are_infinite_are_passed_over_as_those_where_they_are_no_numbers(g):
    def level(outside):
        def forward(x):
            return np.where(np.abs(x - X) > 1e-7, outside, np.sin(x) + 1e-12 * np.sin(1e13 * x))

        return measured(Problem(pair(forward, lambda x, dy: dy), (X,), {}), [X], Probe(0, seed=3), g, 50)

    assert (level(np.inf) > 0).any() and np.array_equal(level(np.inf), level(np.nan))


def test_where_every_spacing_leaves_the_domain_no_noise_is_told():
    assert (level(lambda x: np.where(x == X, np.sin(x), np.nan)) == 0).all()


@pytest.mark.parametrize("spacing", range(len(SPACINGS)))
def test_a_spacing_that_leaves_the_domain_ends_no_search(spacing):
    """A hole at the reach of one spacing only: a wider one that is inside again still finds the noise."""

    def forward(x):
        near = 3 * 2.0 ** SPACINGS[spacing] < np.abs(x - X).max() < 6 * 1.5 * 2.0 ** SPACINGS[spacing]
        return np.full_like(x, np.nan) if near else np.sin(x) + 1e-6 * np.sin(1e13 * x)

    assert (level(forward) > 1e-8).all()


def test_a_grain_of_its_own_is_no_plateau():
    """Stairs wider than the small spacings: equal values there say nothing of the noise."""
    found = level(lambda x: np.floor(np.sin(x) * 1e6) / 1e6)
    assert (found > 1e-8).all()


def swept(function, x=1.0):
    plain = Plain(function, x, "derivative")
    return sweep(plain, plain.point, Along(None, vectors=(np.array(1.0),)), None, STEPS, plain.first()[1])


def test_a_value_is_bounded_by_its_roundings_or_by_what_was_measured_of_its_noise():
    s = swept(np.sin)
    assert np.array_equal(bound(s, np.zeros(1), U), 4 * U * s.weight)
    assert np.array_equal(bound(s, np.full(1, 1e-9), U), 8e-9 * s.weight)
    coarse = dataclasses.replace(s, coarse=100 * s.weight)
    assert np.array_equal(bound(coarse, np.zeros(1), U), 400 * U * s.weight)


def test_on_a_step_of_a_staircase_there_is_no_noise_but_a_narrow_format_keeps_its_own():
    stair = swept(lambda x: np.round(x * 64) / 64)
    assert np.array_equal(bound(stair, np.full(1, 0.01), U), 4 * U * stair.weight)
    assert np.array_equal(bound(stair, np.full(1, 1e-4), U), 8e-4 * stair.weight)
    moving = swept(np.sin)
    assert np.array_equal(bound(moving, np.full(1, 0.01), U), 0.08 * moving.weight)


def of_the_guide(values, middle, level):
    """What the values (P, m) at one spacing add to the known levels: one for each output, nan where it stays open."""
    found = level.copy()
    for k in range(values.shape[1]):
        if not np.isnan(level[k]):
            continue
        column = values[:, k] - middle[k]
        size = np.abs(values[:, k]).max() if (values[:, k] != middle[k]).any() else 0.0
        grain = np.mean(np.diff(column) == 0) > 0.4
        orders = range(1, len(column) - 1)
        sigma = [np.sqrt(np.mean(np.diff(column, n) ** 2) / comb(2 * n, n)) for n in orders]  # (numerics.e)
        for three in zip(sigma, sigma[1:], sigma[2:], strict=False):
            if not grain and np.isnan(found[k]):
                if min(three) > 0 and max(three) <= 4 * min(three):
                    found[k] = max(three) / (size or 1)
                elif max(three) <= U * size:
                    found[k] = 0.0
    return found


@pytest.mark.parametrize("far", [1.0, 2.0**-600, 2.0**500])
def test_the_noise_of_each_output_is_that_of_the_guide(far):
    """The smallest spacing that shows a plateau counts, at as many points on both sides as there are."""
    rng = np.random.default_rng(5)
    size = 10.0 ** rng.uniform(-14, -2, 40)
    grain, still = 10.0 ** rng.uniform(-9, -4, 40), rng.random(40) < 0.1

    def forward(x):
        smooth = np.sin(x) * 10.0 ** np.arange(-20, 20)
        y = smooth * (1 + size * np.sin(1e13 * x + np.arange(40)))
        y[::5] = np.floor(y[::5] / grain[::5]) * grain[::5]
        return far * np.where(still, 3.0, y)

    x = quantise(rng.normal(size=40))
    problem = Problem(pair(forward, lambda x, dy: dy), (x,), {})
    found = measured(problem, [x], Along(None, vectors=(np.ones(40),)), None, 40)
    want = np.full(40, np.nan)
    for power in SPACINGS:
        d = float(few_bits(np.array(1.3 * 2.0**power)))
        values = np.array([forward(x + (k - NOISE_POINTS // 2) * d) for k in range(NOISE_POINTS)]) / far
        want = of_the_guide(values, values[NOISE_POINTS // 2], want)
    # divided by the size of the table and multiplied again
    np.testing.assert_allclose(found, np.nan_to_num(want), rtol=1e-6, atol=1e-300)
    assert (found > 0).sum() > 20 and (found == 0).sum() > 3


def test_of_cotangents_the_noise_is_that_of_the_projection_beside_its_rounding():
    size = 1e-7

    def noisy(x):
        return 100 + np.sin(x) + size * np.sin(1e13 * x)

    one = measured(Problem(pair(noisy, lambda x, dy: dy), (X,), {}), [X], Probe(0, seed=3), G)
    many = measured(Problem(pair(noisy, lambda x, dy: dy), (X,), {}), [X], Probe(0, seed=3), None, 50)
    assert one.shape == (2,) and many.shape == (50,)
    true = size * np.sqrt(X.size / 2) / rounded(np.ones((1, 50)), noisy(X))
    assert (true / 4 < one).all() and (one < 4 * true).all() and np.median(many) < 1e-8


def test_a_search_ends_where_the_noise_of_every_output_is_known():
    calls = []

    def noisy(x):
        calls.append(1)
        return np.sin(x) + 1e-6 * np.sin(1e13 * x)

    problem = Problem(pair(noisy, lambda x, dy: dy), (X,), {})
    measured(problem, [X], Probe(0, seed=3), G)
    assert len(calls) == 2 * NOISE_POINTS, "the wide table, and the smallest, which shows the same"


def test_where_a_wide_table_shows_roundings_alone_there_is_no_other():
    calls = []

    def smooth(x):
        calls.append(1)
        return np.sin(x)

    assert (measured(Problem(pair(smooth, lambda x, dy: dy), (X,), {}), [X], Probe(0, seed=3), G) <= QUIET).all()
    assert len(calls) == NOISE_POINTS


def test_without_outputs_there_is_no_noise():
    empty = Problem(pair(lambda x: x[:0], lambda x, dy: dy), (X,), {})
    assert measured(empty, [X], Probe(0), None).shape == (0,)


def test_a_staircase_is_where_neither_side_of_the_smallest_steps_moves():
    for f in (lambda x: np.round(x * 64) / 64 + max(x - 1, 0), lambda x: np.round(x * 64) / 64 + min(x - 1, 0)):
        s = swept(f)
        assert np.array_equal(bound(s, np.full(1, 0.01), U), 0.08 * s.weight)
    stair = swept(lambda x: np.round(x * 64) / 64)
    assert np.array_equal(bound(stair, np.full(1, COARSEST), U), 8 * COARSEST * stair.weight)
    two = dataclasses.replace(stair, right=np.zeros((len(STEPS), 1)), left=np.zeros((len(STEPS), 1)))
    for side in (two.right, two.left):
        for level, moves in ((-3, True), (-6, False)):
            side[level] = 1.0  # among others that are still
            assert np.array_equal(bound(two, np.full(1, 0.01), U), (0.08 if moves else 4 * U) * two.weight)
            side[level] = 0.0


def test_outputs_that_do_not_change_have_no_part_in_the_size_of_those_that_do():
    """However large they are, and however many."""

    def noisy(x):
        return np.sin(x) + 1e-9 * np.sin(1e13 * x)

    def level(forward, count):
        problem, g = Problem(pair(forward, lambda x, dy: dy), (X,), {}), np.ones((1, X.size + count))
        return measured(problem, [X], Probe(0, seed=3), g)

    alone = level(noisy, 0)
    for constant in (np.full(1, 1e9), np.full(3000, 0.5)):
        beside = level(lambda x, constant=constant: np.append(noisy(x), constant), len(constant))
        np.testing.assert_allclose(beside, alone, rtol=1e-3, atol=0)  # of the roundings that the sums have


@pytest.mark.parametrize(
    ("steps", "known"),
    [([1, 1, 1, 1, 1, 1, 1], True), ([1, 0, 1, 1, 0, 1, 1], True), ([1, 0, 1, 0, 1, 0, 1], False)],
)
def test_a_table_in_which_three_of_seven_neighbours_are_the_same_is_below_the_grain_of_f(steps, known):
    """The function is known at the eight points of the second table alone, and alternates where it moves."""
    signs = np.cumprod(np.where(steps, -1, 1))
    values = 1e-9 * np.append(1, signs * np.linspace(1, 1.1, 7))
    values[1:][np.array(steps) == 0] = values[:-1][np.array(steps) == 0]
    seen = []

    def forward(x):
        seen.append(x)
        return 1 + values[len(seen) - 9] if 8 < len(seen) <= 16 else np.nan

    level = measured(Plain(forward, 0.5, "derivative"), [np.array(0.5)], Along(None, vectors=(np.array(1.0),)), None, 1)
    assert (level > 0).all() == known


def seen(of_table, coarser=False):
    """The noise of 1 + (x - 0.5) / 64 at 0.5, where table after table alternates by so much, and its evaluations."""
    visits = []

    def forward(x):
        visits.append(x)
        table, k = divmod(len(visits) - 1, NOISE_POINTS)
        return 1 + (x - 0.5) / 64 + of_table.get(table, 0.0) * (-1.0) ** k * (k != NOISE_POINTS // 2)

    plain = Plain(forward, 0.5, "derivative")
    level = measured(plain, [np.array(0.5)], Along(None, vectors=(np.array(1.0),)), None, 1, coarser=coarser)
    return float(level[0]), len(visits)


PART = 2 * seen({0: 1.0, 1: 1.0})[0]  # of what it alternates by, beside the largest value, is its noise


@pytest.fixture
def jumping(monkeypatch):
    """What looks like hidden noise is made of jumps."""
    monkeypatch.setattr(noise, "has_jumps", lambda *_: True)


@pytest.mark.parametrize(("roundings", "quiet"), [(2, True), (3, False)])
def test_noise_up_to_2_to_the_minus_50_is_that_of_float64(roundings, quiet):
    size = roundings * 2.0**-52
    assert (PART * size < 2.0**-50) is quiet and (PART * size > 2.0**-51), "the numbers must show it"
    assert (seen({0: size})[1] == NOISE_POINTS) is quiet


@pytest.mark.parametrize(("times", "hidden"), [(3.9, False), (4.1, True)])
def test_more_than_four_times_the_noise_of_small_spacings_may_be_that_of_a_narrow_format(jumping, times, hidden):
    fine = 1e-6
    assert (seen({0: times * fine, 1: fine})[0] > 2 * PART * fine) is hidden


def test_beside_small_spacings_that_show_nothing_it_is_hidden_above_four_roundings(jumping):
    assert seen({0: 2.0**-40})[0] > 2.0**-42 and seen({})[0] == 0


def test_jumps_are_asked_for_where_one_output_alone_may_hide_some():
    def half(x):
        return np.concatenate([2.0 * x[:25], x[25:] + few_bits(np.cos(x[25:]), 24)])

    problem, halves = Problem(pair(half, lambda x, dy: dy), (X,), {}), np.repeat(np.eye(2), 25, axis=1) * G
    quiet, narrow = measured(problem, [X], Probe(0, seed=3), halves)
    assert quiet < 2.0**-50 and 2.0**-32 < narrow < 2.0**-22


@pytest.mark.parametrize("bits", [8, 11])
def test_formats_coarser_than_single_precision_are_found_in_wider_tables_where_they_may_be(bits):
    """Of x + cos x with a cosine of so few bits the small tables show the slope of x."""

    def forward(x):
        return x + few_bits(np.cos(x), bits)

    problem = Problem(pair(forward, lambda x, dy: dy), (X,), {})
    fine, coarse = (measured(problem, [X], Probe(0, seed=3), None, 50, coarser=may) for may in (False, True))
    assert (fine <= QUIET).all() and coarse.max() <= COARSEST
    assert 2.0**-1 < np.median(coarse) * 2.0 ** (bits + 1) < 2.0  # a rounding is up to 2^-bits


@pytest.mark.parametrize("table", [2, 3, 4])
@pytest.mark.parametrize(("times", "known"), [(0.75, 0.75), (2.2, 1.0), (2.8, 0.0)])
def test_a_format_has_up_to_two_and_a_half_times_the_noise_of_the_coarsest_which_then_is_its(
    jumping, table, times, known
):
    """In the wide tables, after the first and one of the small ones."""
    noise = times * COARSEST
    found, count = seen({table: noise / (PART - noise)}, coarser=True)  # beside a value that is larger by it
    assert found == pytest.approx(known * COARSEST, rel=0.1, abs=0) and count == 5 * NOISE_POINTS


def test_wide_tables_are_those_of_the_ninth_the_seventh_and_the_fifth_power_of_a_half():
    points = []
    plain = Plain(lambda x: points.append(float(x)) or np.nan, 0.0, "derivative")
    measured(plain, plain.point, Along(None, vectors=(np.array(1.0),)), None, 1, coarser=True)
    spacings = np.diff(np.reshape(points, (-1, NOISE_POINTS)), axis=1)[:, 0]
    assert np.log2(spacings[-3:] / 1.3) == pytest.approx([-9, -7, -5], rel=1e-3, abs=0) and len(spacings) == 10


def test_a_staircase_keeps_the_noise_that_small_tables_show():
    noise = 2.8 * COARSEST
    found, _ = seen(dict.fromkeys((0, 1), noise / (PART - noise)), coarser=True)
    assert found == pytest.approx(noise, rel=0.1, abs=0)


@pytest.mark.parametrize("side", ["right", "left"])
def test_of_two_cotangents_one_may_stand_on_a_step_beside_one_that_moves_to_one_side(side):
    one = np.ones((6, 2))
    moves = {name: (one if name == side else 0 * one) * [1.0, 0.0] for name in ("right", "left")}
    found = bound(Sweep(one, one, moves["right"], moves["left"], one, 0 * one), np.full(2, 2 * COARSEST), 2.0**-53)
    assert found[0].tolist() == [4 * 2 * 2 * COARSEST, 4 * 2.0**-53]


def test_a_shape_too_fine_for_wide_steps_is_told_from_what_is_smooth_jumps_or_is_rounded():
    knots = np.linspace(-6, 6, 10**6 + 1)
    forms = {
        lambda x: np.interp(x, knots, np.sin(knots)): True,
        np.sin: False,
        lambda x: np.sin(x).astype(np.float32).astype(float): False,
        lambda x: x + np.sin(x).astype(np.float32): False,
        lambda x: np.full(x.shape, np.nan): False,
    }
    for f, is_fine in forms.items():
        problem = Problem(pair(f, lambda x, dy: dy), (X / 4,), {})
        assert has_fine_shape(Line(problem, [X / 4], {0: np.cos(np.arange(50.0))}, G, 50)) is is_fine
