"""A few steps first, and more of them where those leave a doubt."""

import dataclasses
import math

import numpy as np
import pytest

from gradcheck.numeric import look as module
from gradcheck.numeric.constants import COARSEST
from gradcheck.numeric.look import Glance, glance, look, natural
from gradcheck.numeric.plain import Plain
from gradcheck.numeric.slopes import Spot


def looked(f, x, vectors=None, exact=False):
    plain = Plain(f, x, "derivative")
    _, y, roundoff = plain.first()
    spot = Spot(plain.point, y, roundoff, np.zeros(len(y)), exact)
    seen = glance(plain, spot, plain.vectors(vectors))
    before = plain.count["forward"]
    slopes, level = look(plain, spot, seen)
    return seen, slopes, level, before, plain.count["forward"]


def test_a_glance_at_a_smooth_function_is_enough_and_only_its_noise_is_measured():
    seen, slopes, level, before, after = looked(math.exp, 0.3)
    assert before == 15 and after == 31 and level < 1e-15
    assert abs(slopes.value - math.exp(0.3)) <= slopes.bar and seen.slopes.value == slopes.value


def test_where_the_complex_step_only_needs_to_be_confirmed_two_steps_fewer_are_taken():
    seen, *_, before, _ = looked(np.exp, 0.3, exact=True)
    assert before == 11 and abs(seen.slopes.value - math.exp(0.3)) <= seen.slopes.bar < 1e-6


def test_what_is_doubtful_gets_the_whole_ladder():
    seen, slopes, *_, after = looked(lambda x: abs(x - 1), 1 + 1e-6)
    assert seen.slopes.doubt and not slopes.doubt and after == 118 and abs(slopes.value - 1) <= slopes.bar < 1e-4


def test_at_a_kink_the_noise_is_that_beside_it():
    _, slopes, level, _, _ = looked(abs, 0.0)
    assert slopes.kink and level < 1e-15 and slopes.bar < 1e-12


def test_a_wave_too_fast_for_the_steps_is_not_taken_for_noise():
    _, slopes, level, _, _ = looked(math.sin, 1e9)
    assert level < 1e-6 and abs(slopes.value - math.cos(1e9)) <= slopes.bar < 1e-3


def test_steps_of_another_size_are_taken_where_those_of_its_own_change_too_little():
    _, slopes, *_ = looked(math.exp, 1e-12)
    assert abs(slopes.value - math.exp(1e-12)) <= slopes.bar < 1e-10


def test_noise_in_which_nothing_is_seen_leaves_no_claim(rng):
    _, slopes, level, _, _ = looked(lambda x: rng.normal(), 1.0)
    assert level > 2.0**-9 and np.isinf(slopes.bar) and np.isnan(slopes.value)


def test_one_table_that_is_as_wide_as_roundings_is_checked_by_another():
    """1 + exp x moves in whole roundings of 1 from point to point, all alike, and the first table sees no noise."""
    _, slopes, level, _, _ = looked(lambda x: math.log(1 + math.exp(x)), -7.448764961705422)
    assert level > 1e-14 and abs(slopes.value - 1 / (1 + math.exp(7.448764961705422))) <= slopes.bar


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_a_direction_is_made_as_long_as_its_point(size):
    x, v = np.array([3.0, -4.0]), np.array([1.0, 0.5])
    unit = natural([x], (size * v,))
    assert 1 <= unit * size <= 8 and math.log2(unit) % 1 == 0
    assert natural([x], (0 * v,)) == 1.0 and natural([x, x], (None, v)) == natural([x], (v,))


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Glance).probe = None


def test_steps_of_another_size_are_thirty_two_times_as_large_or_small():
    """An output that is large beside its slope is coarse, and worth other steps where there are any."""
    counts = [looked(lambda x: 1e8 + math.sin(x), x)[-1] for x in (1 / 16, 1 / 32, 1 / 64)]
    assert counts[0] < min(counts[1:])
    assert looked(lambda x: 1e8 + math.sin(x), 32.0)[-1] > looked(lambda x: 1e8 + math.sin(x), 16.0)[-1]


def test_one_output_in_doubt_gets_the_whole_ladder_and_the_others_keep_what_they_have():
    seen, slopes, *_ = looked(lambda x: np.stack([np.exp(x), np.abs(x - 1)]), np.array(1 + 1e-6))
    assert seen.slopes.doubt.tolist() == [False, True] and not slopes.doubt.any()
    assert (np.abs(slopes.value - [math.exp(1 + 1e-6), 1]) <= slopes.bar).all() and slopes.bar[1] < 1e-4


def test_one_coarse_output_gets_steps_of_another_size():
    _, alone, _, _, count = looked(lambda x: 1e8 + math.sin(x), 1 / 64)
    _, both, _, _, of_both = looked(lambda x: np.stack([np.exp(x), 1e8 + np.sin(x)]), np.array(1 / 64))
    assert of_both == count and both.bar[1] == pytest.approx(alone.bar[0], rel=0.5, abs=0)


@pytest.mark.parametrize("other", [np.exp, np.abs])
def test_the_noise_is_that_on_both_sides_of_a_kink_whichever_output_has_it(other):
    def one_sided(sign):
        return lambda x: np.stack([np.abs(x), other(x) + 1e-6 * np.sin(1e13 * x) * (sign * x > 0)])

    for sign in (1, -1):
        _, _, level, _, _ = looked(one_sided(sign), np.array(0.0))
        assert level[0] < 1e-15 and level[1] > 1e-8


def test_a_narrow_output_has_half_the_noise_of_its_rounding_at_the_least():
    for dtype, level in ((np.float32, 2.0**-25), (np.float16, 2.0**-12), (np.float64, 0.0)):
        assert looked(lambda x, dtype=dtype: dtype(3), 0.5)[2] == level


def test_the_longest_part_of_a_direction_decides_its_length():
    v = np.array([1.0, -0.5])
    wide, narrow = np.array([8.0, 8.0]), np.array([0.25, 0.25])
    assert natural([wide, narrow], (v, v)) == natural([narrow, wide], (v, v)) == 0.25
    assert natural([wide, narrow], (v, None)) == 8.0 and natural([wide], (None,)) == 1.0


@pytest.mark.parametrize(("part", "lost"), [(1.0, False), (1.01, True)])
def test_noise_up_to_that_of_bfloat16_hides_a_slope_and_more_of_it_is_none_of_a_format(monkeypatch, part, lost):
    monkeypatch.setattr(module, "_level", lambda *_: np.full(1, part * COARSEST))
    _, slopes, *_ = looked(lambda x: 1 + 1e-6 * x, 0.5)
    assert np.isinf(slopes.bar[0]) == lost and slopes.bar[0] > 1e-6
