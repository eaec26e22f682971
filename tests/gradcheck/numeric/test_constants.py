"""What the constants promise of each other, and what numerics.md and their own lines say of them."""

import ast
from pathlib import Path

import numpy as np
import pytest

from gradcheck.numeric import constants, extrapolate, hidden, staircase
from gradcheck.numeric.complexstep import noise, projected, slopes
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.grain import grain, may_be_coarse
from gradcheck.numeric.kinks import with_nearer_kink
from gradcheck.numeric.ladder import SECOND_STEPS, STEPS, few_bits, sweep
from gradcheck.numeric.look import glance, look
from gradcheck.numeric.noise import _read, measured
from gradcheck.numeric.plain import Plain
from gradcheck.numeric.probe import Along
from gradcheck.numeric.reading import Exact
from gradcheck.numeric.scales import inner, quantise
from gradcheck.numeric.sharpen import sharpened
from gradcheck.numeric.slopes import Slopes, Spot
from gradcheck.numeric.tabulate import Line, Table


def numbers_of(source):
    """The names in capitals that a module gives to numbers of its own."""
    for node in ast.parse(source).body:
        numbers = any(type(getattr(n, "value", None)) in (int, float) for n in ast.walk(node))
        if isinstance(node, ast.Assign) and numbers:
            names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            yield from (name for name in names if name.isupper())


def test_no_other_file_has_constants_of_the_estimator():
    home = Path(constants.__file__)
    others = {path.name: set(numbers_of(path.read_text(encoding="utf-8"))) for path in home.parent.glob("*.py")}
    assert {"EARLY", "LATE", "FIRST", "UNIT"} <= others.pop(home.name)
    assert not any(others.values()), others


def test_chosen_levels_are_levels_from_large_to_small_and_enough_for_an_estimate():
    for levels in (constants.WINDOW, constants.FEW, constants.CURVED, constants.CONFIRMING):
        assert list(levels) == sorted(set(levels)) and levels[0] >= 0 and levels[-1] < len(STEPS)
        assert len(levels) >= max(constants.FEWEST, constants.LAST)
    assert constants.FEWEST > constants.ORDERS, "a column has one value less than the one before"


def test_ladders_reach_from_the_scale_to_where_roundings_are_all():
    for steps, first, last in ((STEPS, 0.4, 6.5e-10), (SECOND_STEPS, 0.31, 9e-10)):
        assert steps[0] == pytest.approx(first, rel=2e-3, abs=0), "but for the bits of a step"
        assert steps[-1] == pytest.approx(last, rel=0.02, abs=0), "as the constants say, in two digits"
    assert STEPS[constants.CURVED[-1]] > 1e-5 and constants.CURVED[-1] >= constants.EXACT


def test_the_complex_step_has_a_square_that_is_lost_and_is_not_lost_itself():
    assert constants.TINY < constants.COMPLEX_STEP**2 < constants.U and constants.COMPLEX_STEP < 2.0**-53


def test_what_is_called_small_is_and_what_is_called_large_is():
    small = (constants.COARSEST, constants.NARROW, constants.BESIDE, constants.EVIDENCE, constants.FLOOR)
    assert all(0 < x <= 2.0**-8 for x in small) and 0 < constants.WIDE < constants.FLOOR
    assert max(constants.SPACINGS) < -8 and constants.LARGER > 2.0**24
    assert 0 < constants.OTHER_SPACING < 1
    assert constants.SPACINGS[0] < np.log2(constants.WIDE_SPACING) < constants.SPACINGS[-1]
    tenths = 10 * few_bits(np.array(constants.WIDE_SPACING), constants.WIDE_BITS) * 2.0 ** np.arange(21, 33) % 10
    assert ((tenths > 1.9) & (tenths < 8.1)).all(), "no whole number of roundings of any format"
    assert {np.dtype(t): np.finfo(t).eps / 2 for t in (np.float16, np.float32, np.float64)} == constants.UNIT


def test_steps_from_a_point_of_few_bits_are_exact_in_float64():
    assert constants.BITS + constants.STEP_BITS < 53 and constants.MOST_BITS < 53


def test_the_noise_of_a_narrow_format_is_no_staircase():
    half, single = (constants.UNIT[np.dtype(dtype)] for dtype in (np.float16, np.float32))
    assert half < constants.COARSEST and single == constants.NARROW
    assert min(constants.UNIT.values()) == constants.U == np.finfo(float).eps / 2
    assert constants.QUIET == 8 * constants.U, "a few roundings"
    assert constants.HIDDEN == constants.SCATTER**2, "either of two tables may show too little, the other too much"
    assert constants.TINY == 2.0**-1022, "the smallest number with all of its bits"


def test_tables_beside_a_kink_do_not_reach_it():
    reach = 1.3 * 2.0 ** constants.SPACINGS[-1] * constants.NOISE_POINTS / 2
    assert reach < constants.BESIDE and list(constants.SPACINGS) == sorted(constants.SPACINGS)


def test_a_second_table_is_no_power_of_two_beside_the_first():
    assert abs(np.log2(constants.OTHER_SPACING) % 1 - 0.5) < 0.1


def test_a_first_look_takes_eleven_steps_and_leaves_out_one_in_a_row_at_most():
    gaps = np.diff(constants.WINDOW) - 1
    assert len(constants.WINDOW) == 11 and gaps.max() == gaps[-1] == 1


def test_of_one_function_as_many_steps_in_a_row_are_taken_as_an_estimate_needs_and_two_far_below():
    """From a twentieth of the scale on, where a wave is resolved, to where roundings are seen to grow."""
    assert list(constants.FEW[: constants.FEWEST]) == list(range(2, 2 + constants.FEWEST))
    assert STEPS[list(constants.FEW[-2:])] == pytest.approx([4.4e-5, 2.8e-7], rel=0.02, abs=0)
    assert len(constants.FEW) == 7
    assert set(constants.CONFIRMING) < set(constants.FEW) and len(constants.CONFIRMING) == constants.FEWEST
    assert constants.CONFIRMING[-1] == constants.FEW[-1]


def test_second_differences_leave_out_the_largest_step_only():
    assert list(constants.CURVED) == list(range(1, constants.EXACT + 1))


def test_no_level_is_asked_for_that_neither_a_column_nor_a_jump_needs():
    assert max(constants.LAST, constants.ORDERS + 1) == constants.FEWEST


def test_points_keep_thirty_bits_and_steps_ten_or_what_near_entries_need_and_forty_five_at_most(rng):
    """As numerics.md says."""

    def bits(x):
        whole = np.ldexp(np.frexp(x)[0], 53).astype(np.int64)
        return 53 - np.log2(np.min(whole & -whole))

    assert bits(np.append(STEPS, SECOND_STEPS)) == 10
    assert bits(quantise(rng.normal(size=1000))) == 30
    assert bits(quantise(1e9 + rng.normal(size=1000))) == 45


def test_the_coarsest_noise_of_a_format_is_that_of_bfloat16_which_keeps_eight_bits():
    x = np.linspace(1, 2, 2**16, endpoint=False)
    off = few_bits(x, 8) / x - 1
    deviation = np.sqrt(np.mean(np.square(off)))
    assert deviation < constants.COARSEST < 2 * deviation
    assert np.abs(off).max() == pytest.approx(constants.BRAIN, rel=0.01, abs=0)


def test_twice_the_deviation_that_a_table_shows_is_enough_of_twenty_and_once_is_not(rng):
    """Of 10,000 tables of nothing but noise: about one in 22 shows less than half of it, one in three less than all."""
    count, size = 10_000, 1e-6
    plain = Plain(lambda x: 1 + size * rng.normal(size=count), 0.5, "derivative")
    found = measured(plain, plain.point, Along(None, vectors=(np.array(1.0),)), None, count)
    missed, missed_by_less = (np.mean(factor * found < size) for factor in (constants.SCATTER, constants.SCATTER - 1))
    assert missed < 0.06 < missed_by_less


def test_a_table_has_eight_points_and_all_spacings_are_tried_where_none_shows_a_plateau():
    """After a wide one from 2^-36 of the scale to where its ends are near those of BESIDE, in jumps that shrink."""
    points = []
    plain = Plain(lambda x: points.append(float(x)) or np.nan, 0.0, "derivative")
    measured(plain, plain.point, Along(None, vectors=(np.array(1.0),)), None, 1, coarser=True)
    *tables, ninth, seventh, fifth = np.reshape(points, (-1, 8))
    coarse = np.log2(np.diff([ninth, seventh, fifth], axis=1)[:, 0] / 1.3)
    assert coarse == pytest.approx([-9, -7, -5], rel=1e-3, abs=0), "where coarser formats are looked for"
    tables = np.array(tables)
    spacings = np.diff(tables, axis=1)
    assert (spacings == spacings[:, :1]).all() and (tables[:, 4] == 0).all()
    wide, *powers = np.log2(spacings[:, 0] / 1.3)
    assert wide == pytest.approx(-20, abs=1e-6)
    assert powers[0] == pytest.approx(-36, abs=1e-3) and (np.diff(powers, n=2) < 0.01).all() and len(powers) == 6
    assert constants.BESIDE / 2 < -tables.min() < constants.BESIDE
    assert spacings[0, 0] == float.fromhex("0x1.4ccccdp-20") != 1.3 * 2.0**-20, "1.3 in 26 bits"


def test_the_spread_of_the_six_best_candidates_is_in_the_bar(monkeypatch):
    values = np.array([0.0, 1.0, 2.0, 1.0, 0.0, 3.0, 4.0, 5.0])[:, None]
    monkeypatch.setattr(extrapolate, "_candidates", lambda *_: (values, np.linspace(1, 2, 8)[:, None]))
    plain = Plain(lambda x: x, 0.5, "derivative")
    swept = sweep(plain, plain.point, Along(None, vectors=(np.array(1.0),)), None, STEPS, plain.first()[1])
    found = extrapolate.estimate(swept, np.full((len(STEPS), 1), 1e-16), constants.U)
    assert found.value == 0.0 and found.bar == 3.0


def test_spacings_of_the_second_table_are_exact_and_no_point_is_shared_with_the_first():
    mine = np.arange(-4, 4) * 2.0**-13
    assert (few_bits(constants.OTHER_SPACING * mine, 10) == constants.OTHER_SPACING * mine).all()
    assert constants.OTHER_SPACING.as_integer_ratio()[1] == 256, "both meet in whole multiples of 256 and 179 alone"


def test_six_values_end_in_three_zeros_by_chance_once_in_260_000_times():
    assert pytest.approx(260_000, rel=0.01, abs=0) == 8**constants.GRAINS
    assert may_be_coarse(np.array([2 - 2.0**-48]), constants.U), "sixteen times the last bit, eight and a half of y's"
    assert not may_be_coarse(np.array([2 - 2.0**-49]), constants.U)


def test_the_complex_step_is_that_of_numerics_md_and_is_repeated_three_times_a_little_longer():
    steps = []
    plain = Plain(lambda x: steps.append(float(np.imag(x))) or x, 0.5, "derivative")
    probe = Along(None, vectors=(np.array(1.0),))
    value, _ = projected(slopes(plain, plain.point, probe), None)
    noise(plain, plain.point, probe, None, np.random.default_rng(0), value)
    assert steps[0] == 2.0**-100 and len(steps) == 4 and all(1 < step / 2.0**-100 < 2 for step in steps[1:])


def glanced(f, x, vectors=None):
    plain = Plain(f, x, "derivative")
    _, y, roundoff = plain.first()
    spot = Spot(plain.point, y, roundoff, np.zeros(len(y)), exact=False)
    return plain, spot, glance(plain, spot, plain.vectors(vectors))


@pytest.mark.parametrize(("constant", "part"), [(0.0, 1.0), (1.0, 1e-4)])
def test_a_bar_is_wide_above_a_ten_millionth_of_the_derivative_or_of_a_thousandth_of_f(constant, part):
    """Of 300 waves, from slow ones to those of which a step sees too little."""
    speed = np.logspace(0, 3, 300)
    _, spot, seen = glanced(lambda x: constant + part / speed * np.sin(speed * x), 1.0)
    found = seen.slopes.bar / np.maximum(np.abs(seen.slopes.value), np.abs(spot.y) / 1000)
    assert ((found > 0.3e-7) & (found < 1e-7)).any() and ((found > 1e-7) & (found < 2e-7)).any()
    assert np.array_equal(seen.slopes.doubt, found > 1e-7)


@pytest.mark.parametrize(("value", "y"), [(2.0, 0.5), (0.5, 2.0)])
def test_real_differences_confirm_what_they_resolve_to_a_thousandth_of_the_derivative_or_of_f(value, y):
    no, one = np.zeros(1, bool), np.ones(1)
    step = Exact(value * one, 0 * one, 0 * one)
    spot = Spot([one], y * one, constants.U * one, 0 * one, exact=True)
    for bar, confirms in ((0.9e-3, True), (1.1e-3, False)):
        found = Slopes(value * one, bar * max(value, y) * one, value * one, value * one, no, no, no, no)
        assert (sharpened(found, step, spot, Along(None, vectors=(one,))) is not None) == confirms


def test_steps_of_another_size_are_taken_that_are_32_times_as_small_or_large():
    """Those of an entry's own size, beside those of its array's, at a kink."""

    def evaluations(size):
        x, d = np.array([1.0, size]), np.array([0.0, 1.0])
        plain, spot, seen = glanced(lambda x: np.abs(x[1] - size), x, d)
        look(plain, spot, seen)
        return plain.count["forward"]

    assert evaluations(1 / 32) > evaluations(1 / 16) == evaluations(1 / 8)


def test_a_stair_is_of_roundings_up_to_those_of_numbers_2_to_the_30_times_those_in_sight(rng):
    def found(step):
        plain = Plain(lambda x: step * np.round(x / step), 0.75, "derivative")
        return grain(plain, plain.point, np.array([0.75]), constants.U, rng)

    assert found(2.0**-22) == 2.0**30 and found(2.0**-21) == 0


def test_a_jump_is_told_from_a_slope_by_eight_halvings_and_a_format_from_a_quantiser_by_a_sixteenth():
    halvings = np.log2(constants.EARLY / constants.LATE)
    assert halvings == 8 and 2**-halvings < constants.STAYS == 1 / 2, "what is no jump falls by each of them"
    assert 1 / constants.NEARER == 16 == constants.GROWN**2, "in the middle between one and what a quantiser's are"
    assert constants.AMONG == 2 * constants.SEVERAL == 6, "half of the likeliest"


def test_what_is_kept_and_done_at_once_is_32_kibibytes_or_half_a_mebibyte_of_numbers():
    assert constants.KEPT == constants.SMALL == constants.CANDIDATES_TOGETHER == 2**15 / np.float64().nbytes
    assert constants.LEVELS_TOGETHER == constants.OF_LADDERS * constants.LADDERS == 2**19 / np.float64().nbytes
    assert constants.OF_LADDERS == constants.LADDERS


@pytest.mark.parametrize(
    ("noise", "moves", "earlier", "near"),
    [
        (0.99, 0.0, 0.0, True),
        (1.01, 0.0, 0.0, False),
        (0.0, 0.99, 0.0, True),
        (0.0, 1.01, 0.0, False),
        (0.0, 0.0, 9.0, True),  # at the smallest three levels it does not
    ],
)
def test_a_kink_is_nearer_than_all_steps_where_slopes_are_64_times_farther_apart_than_noise_and_one_side_moves(
    noise, moves, earlier, near
):
    """The slope to the left is 1, to the right 2: both move by parts of a 64th, over the last step or before."""
    h = STEPS[-6:, None]
    side = np.array([0, 0, 0, earlier, earlier, earlier - moves])[:, None] / 64
    found = Estimate.smooth(np.ones(1), np.full(1, 1e-9))
    noises = noise / 64 * np.broadcast_to(h[-1], h.shape)
    assert (with_nearer_kink(h, 2 + side, 1 + side, noises, found).bar > 0.9) == near


@pytest.mark.parametrize(("count", "in_pairs"), [(1024, False), (1025, True)])
def test_sums_of_more_than_1024_products_are_added_up_in_pairs(rng, count, in_pairs):
    rows, y = rng.normal(size=(50, count)), rng.normal(size=count)
    pairs = (rows * y).sum(axis=-1)
    assert not np.array_equal(rows @ y, pairs), "the numbers must show it"
    assert np.array_equal(inner(rows, y), pairs) is in_pairs


def along(f):
    """The line through zero along which a function of one number is looked at, and where it was asked."""
    asked = []
    plain = Plain(lambda x: asked.append(float(x)) or f(x), 0.0, "derivative")
    return Line(plain, plain.point, {0: np.array(1.0)}, None, 1), asked


@pytest.mark.parametrize(("degree", "leaves"), [(6, False), (7, True)])
def test_a_polynomial_of_sixth_degree_through_24_points_in_golden_sections_leaves_nothing(degree, leaves):
    line, _ = along(lambda x: x**degree)
    t, values = staircase._values(line, 1.0)
    assert (staircase._left(line, t, values)[1] > 1e-9) == leaves
    np.testing.assert_allclose((12 * (t + 1)) % 1, np.arange(24) * (5**0.5 - 1) / 2 % 1, rtol=0, atol=1e-12)


def test_the_slope_between_two_jumps_is_read_along_a_millionth_of_the_scale():
    line, asked = along(np.sin)
    staircase.jump_between(line, 0, 0.125, 0.25, 0.0)
    assert set(asked[:2]) == {0.125, 0.125 + 2.0**-20}


@pytest.mark.parametrize(("part", "is_asked"), [(0.99, True), (1.01, False)])
def test_noise_above_a_128th_of_f_is_a_quantisers_and_a_jump_is_more_than_a_16th_of_it(monkeypatch, part, is_asked):
    asked, noise, one = [], part * np.full(1, 2.0**-7), np.ones(1)
    monkeypatch.setattr(staircase, "_left", lambda line, t, values: (np.arange(24.0)[:, None] ** 2, noise, one))
    monkeypatch.setattr(staircase, "_jumps", lambda *given: asked.append((len(given[2]), given[3])) or [])
    staircase.steps(along(np.sin)[0])
    assert asked == ([(6, noise[0] / 16)] if is_asked else [])


@pytest.mark.parametrize(("times", "is_asked"), [(2.49, False), (2.51, True)])
def test_steps_as_fine_as_those_of_float32_are_none_and_a_jump_is_more_than_32_roundings(monkeypatch, times, is_asked):
    asked, one = [], np.ones(1)
    noises = iter([times * 2.0**-24 * one, 1e-20 * one])
    monkeypatch.setattr(staircase, "_left", lambda line, t, values: (np.arange(24.0)[:, None] ** 2, next(noises), one))
    monkeypatch.setattr(staircase, "_jumps", lambda line, column, where, least, several: asked.append(least) or [])
    staircase.steps(along(np.sin)[0])
    assert len(asked) == is_asked
    staircase.steps(along(np.sin)[0], finest=0.0)
    assert asked[-1] == 32 * 2.0**-53


def test_steps_are_looked_for_a_quarter_a_16th_and_a_128th_of_the_scale_away():
    line, asked = along(lambda x: np.nan)
    assert staircase.steps(line) is None
    reaches = np.abs(np.reshape(asked, (3, 24))).max(axis=1)
    assert np.log2(reaches).round().tolist() == [-2, -4, -7]


@pytest.mark.parametrize(("median", "everywhere"), [(0.124, False), (0.126, True)])
def test_jumps_are_everywhere_where_the_median_change_is_an_eighth_of_the_largest(monkeypatch, median, everywhere):
    monkeypatch.setattr(hidden, "staying", lambda *_: hidden.Jump(1.0, 0.0, 0.0))
    line, one = along(np.sin)[0], np.ones(1)
    changes = np.array([1.0, 0.9, 0.8, median, 0.0, 0.0, 0.0])
    wide = Table(2.0**-20, np.append(0.0, np.cumsum(changes))[:, None], one)
    assert hidden.has_jumps(line, wide, Table(2.0**-36, np.zeros((8, 1)), one), np.array([True])) is everywhere


@pytest.mark.parametrize(("table", "known"), [([0, 1, 1, 0, 1, 1, 0, 1], True), ([0, 1, 1, 0, 0, 1, 1, 0], False)])
def test_a_table_in_which_three_of_seven_neighbours_are_the_same_is_below_the_grain(table, known):
    level, done = _read(Table(1.0, np.array(table, float)[:, None], np.ones(1)), np.zeros(1), np.zeros(1, bool))
    assert done[0] == known and (level[0] > 0) == known
