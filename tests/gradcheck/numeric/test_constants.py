"""What the constants promise of each other."""

import numpy as np
import pytest

from gradcheck.numeric import constants
from gradcheck.numeric.ladder import SECOND_STEPS, STEPS


def test_chosen_levels_are_levels_from_large_to_small_and_enough_for_an_estimate():
    of_first, of_second = (constants.WINDOW, constants.FEW, constants.CURVED), (constants.SECOND_WINDOW,)
    for chosen, steps in ((of_first, STEPS), (of_second, SECOND_STEPS)):
        for levels in chosen:
            assert list(levels) == sorted(set(levels)) and levels[0] >= 0 and levels[-1] < len(steps)
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
    assert {np.dtype(t): np.finfo(t).eps / 2 for t in (np.float16, np.float32, np.float64)} == constants.UNIT


def test_steps_from_a_point_of_few_bits_are_exact_in_float64():
    assert constants.BITS + constants.STEP_BITS < 53 and constants.MOST_BITS < 53


def test_the_noise_of_a_narrow_format_is_no_staircase():
    half, single = (constants.UNIT[np.dtype(dtype)] for dtype in (np.float16, np.float32))
    assert half < constants.COARSEST and single == constants.NARROW
    assert min(constants.UNIT.values()) == constants.U == np.finfo(float).eps / 2


def test_tables_beside_a_kink_do_not_reach_it():
    reach = 1.3 * 2.0 ** constants.SPACINGS[-1] * constants.NOISE_POINTS / 2
    assert reach < constants.BESIDE and list(constants.SPACINGS) == sorted(constants.SPACINGS)


def test_a_second_table_is_no_power_of_two_beside_the_first():
    assert abs(np.log2(constants.OTHER_SPACING) % 1 - 0.5) < 0.1
