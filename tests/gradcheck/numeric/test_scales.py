"""How large the entries of an array are."""

import math

import numpy as np
import pytest

from gradcheck.numeric import scales
from gradcheck.numeric.constants import LONG
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import entry_scales, inner, is_offset, quantise, root_sum_square, scale, sizes


def test_a_base_point_is_rounded_to_few_bits(rng):
    x = rng.normal(size=1000) * 10.0 ** rng.integers(-12, 12, 1000)
    q = quantise(x)
    far = np.abs(q - x) > 2.0**-30 * np.abs(x)
    assert (np.abs(q - x) <= 2.0**-29 * np.abs(x)).all() and far.mean() < 1 / 50, "but beside the middle of two numbers"
    assert np.array_equal(q, q.astype(np.longdouble)) and np.array_equal(quantise(q), q)
    assert (np.frexp(q)[0] * 2**30 % 1 == 0).all()


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_no_rounding_of_a_base_point_is_one_of_float32(rng, offset):
    """Where a pullback casts it, a rounding of the point would move the claim by 2^-24, as if that were noise."""
    q = quantise(offset + rng.normal(size=10**5))
    beside = [np.nextafter(q, end).astype(np.float32) for end in (-np.inf, np.inf)]
    assert np.array_equal(*beside)


def test_what_is_not_finite_stays_so():
    x = np.array([np.inf, -np.inf, np.nan, 1.0])
    assert np.array_equal(quantise(x), x, equal_nan=True)


def test_what_has_few_bits_stays_even_in_the_middle_of_two_float32_numbers():
    middle = np.array([1 + 2.0**-24, -(1 + 3 * 2.0**-24), 257.0, 2049.0])
    assert np.array_equal(quantise(middle), middle)
    x = (1 + 2.0**-24) * (1 + 2.0**-33 * np.array([1.0, -1.0]))
    assert np.array_equal(quantise(x), 1 + 2.0**-24 + 2.0**-29 * np.array([1.0, -1.0])), "the number to its own side"


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros(3), 1.0),
        (np.array([np.inf, 1.0]), 1.0),
        (np.full(3, 8.0), 8.0),
        (np.array([1e-300, -1e-300]), 2.0**-997),
        (1.7e9 + 100 * np.arange(-8.0, 9.0), 512.0),
        (1e6 + np.array([0.0, 1e-12, 0, 0, 0]), 2.0**20),
        (np.zeros((0, 2)), 1.0),
    ],
    ids=["zeros", "infinite", "equal", "tiny", "near each other", "equal but for rounding", "empty"],
)
def test_the_scale_is_the_size_of_what_varies(x, expected):
    assert scale(x) == expected


def test_a_root_of_squares_is_that_of_numbers_of_any_size():
    for size in (1e-300, 1.0, 1e300):
        assert root_sum_square(size * np.array([3.0, 4.0])) == pytest.approx(5 * size, rel=1e-15, abs=0)
    assert root_sum_square(np.zeros(3)) == 0


@pytest.mark.parametrize("n", [LONG, LONG + 1, 2**20])
def test_a_sum_of_products_has_fewer_roundings_than_a_bar_has_room_for(n):
    rng = np.random.default_rng(4)
    rows, y = rng.normal(size=(2, n)), rng.normal(size=n)
    room = 16 * 2.0**-53 * root_sum_square(rows * y, axis=1)
    exact = [math.fsum(row * y) for row in rows]
    assert (np.abs(inner(rows, y) - exact) < room).all()
    assert (np.abs(inner(rows, np.stack([y, -y, y])) - np.outer([1, -1, 1], exact)) < room).all()


def test_sums_of_few_products_are_one_product_of_matrices():
    rng = np.random.default_rng(4)
    rows, y, table = rng.normal(size=(2, LONG)), rng.normal(size=LONG), rng.normal(size=(3, LONG))
    assert np.array_equal(inner(rows, y), rows @ y) and np.array_equal(inner(rows, table), table @ rows.T)


def test_entries_have_one_scale_unless_they_range_over_many_orders_of_magnitude():
    assert entry_scales(np.array([1.0, 2.0, 0.0])).tolist() == [1.0] * 3
    wide = entry_scales(np.array([2.0**-20, 2.0**-19, 2.0**-18, 1.0]))
    assert wide.tolist() == [2.0**-20, 2.0**-19, 2.0**-18, 1.0]


def test_entries_near_each_other_keep_as_many_bits_more_as_zero_is_far():
    away = 2.0**-10 * np.array([1.0, -1, 1, -1])
    x = 1 + away * (1 + 2.0**-29)
    assert not np.array_equal(quantise(x), quantise(1 + away)) and is_offset(x)
    assert np.array_equal(quantise(1 + away * (1 + 2.0**-31)), 1 + away), "30 bits of what they differ by"
    assert np.array_equal(quantise(1 + 2.0**-29 * away[:3]), np.ones(3)), "30 bits of themselves"
    near = 1 + 2.0**-30 * np.array([1.0, -1, 1, -1]) * (1 + 2.0**-20)
    assert np.array_equal(quantise(near), 1 + 2.0**-30 * np.array([1.0, -1, 1, -1])), "but not more than 45 of all"


@pytest.mark.parametrize(
    ("x", "offset"),
    [
        ([9.0, 9, 11, 11], True),
        ([6.9, 6.9, 8.9, 8.9], False),  # the deviation is an eighth of the root mean square, and little more
        ([7.0, 7, 9, 9], True),
        ([1.0, 1, 1 + 2.0**-44, 1 + 2.0**-44], True),
        ([1.0, 1, 1 + 2.0**-46, 1 + 2.0**-46], False),  # a part of 2^-47: roundings
        ([9.0, 9, 11], False),
        ([0.0, 0, 0, 0], False),
        ([np.inf, np.inf, 1, 1], False),
        ([], False),
        ([9e-320, 9e-320, 11e-320, 11e-320], True),
        ([9e300, 9e300, 11e300, 11e300], True),
        ([9e-300, 9e-300, 11e-300, 11e-300], True),
    ],
)
def test_entries_are_offset_that_are_far_from_zero_and_near_each_other(x, offset):
    assert is_offset(np.array(x)) is offset


def test_a_root_of_squares_along_an_axis_has_a_size_for_each_row():
    x = np.array([[3e-200, 4e-200], [5e200, 12e200], [0, 0]])
    assert root_sum_square(x, axis=1) == pytest.approx([5e-200, 13e200, 0], rel=1e-15, abs=0)
    assert root_sum_square(np.zeros((2, 0)), axis=1).tolist() == [0, 0]
    assert np.isinf(root_sum_square(np.array([1.0, np.inf])))


def test_entries_have_scales_of_their_own_where_the_arrays_is_a_hundred_times_the_median():
    for small, own in ((2.0**-7, True), (2.0**-6, False)):
        x = np.array([small, small, small, 2.0, 0.0])
        assert scale(x) == 1.0
        assert entry_scales(x).tolist() == ([small] * 3 + [2.0, 1.0] if own else [1.0] * 5)
    assert entry_scales(np.zeros(2)).tolist() == [1, 1]
    assert entry_scales(np.array([1 / 100, 1 / 100, 1 / 100, 2])).tolist() == [1] * 4, "and not more"


def test_zeros_count_neither_for_nor_against_scales_of_their_own_and_half_is_not_most():
    for small, own in ((1 / 101, True), (1 / 100.5, True), (1 / 99, False)):
        assert bool(entry_scales(np.array([small, small, 2.0, 0.0, 0.0]))[0] < 1) is own
    assert entry_scales(np.array([2.0**-9, 2.0**-9, 1.0, 2.0, 0.0, 0.0, 0.0])).tolist() == [1] * 7
    assert entry_scales(np.array([1e-9, 1.0, 1.0, 1.0])).tolist() == [1] * 4, "one small entry is none of its kind"


MASKED = [
    ([0, -1e9, 0, -1e9], [1, 2.0**30, 1, 2.0**30]),
    ([0, -1e4, -2e4, 0], [1, 2.0**14, 2.0**14, 1]),  # of two masks that were added up, as large as both together
    ([0, -2.0**10, -0.5, -0.25], [0.25, 2.0**10, 0.25, 0.25]),
    ([0, -1e30, -1e9, 0], [1, 2.0**100, 2.0**30, 1]),
    ([3, 1000, 0, 2], [2, 1024, 2, 2]),
    ([3, 999, 0, 2], [512] * 4),
    ([9.9, 1000, 1000, 0], [8, 1024, 1024, 8]),
    ([10, 1000, 1000, 0], [512] * 4),  # no less than a hundredth
    ([0, -1e4, -2.4e3, 0], [4096] * 4),  # less than a quarter, and no hundredth
    ([1e9, 1e9, 1e9, -1e9], [2.0**30] * 4),
    ([0, 1e-9, 0, 1e-9], [2.0**-30] * 4),
]


@pytest.mark.parametrize(("x", "expected"), MASKED)
def test_numbers_that_stand_for_infinity_leave_others_the_scale_that_they_have_without_them(x, expected):
    x, everywhere = np.array(x), np.array(expected)
    assert scales.scales(x).tolist() == expected
    assert entry_scales(x).tolist() == (everywhere if x[1] != 999 else np.array([4, 1024, 512, 2])).tolist()
    assert sizes(x).tolist() == np.where(x == 0, everywhere, np.minimum(np.abs(x), everywhere)).tolist()
    (unit,) = Probe(0, coordinate=2).direction([x]).values()
    assert unit.tolist() == [0, 0, expected[2], 0]


def test_beside_them_as_elsewhere_entries_of_many_sizes_have_scales_of_their_own():
    x = np.array([-1e9, 2.0**-20, 2.0**-19, 2.0**-18, 1.0, -1e9])
    assert entry_scales(x).tolist() == [2.0**30, 2.0**-20, 2.0**-19, 2.0**-18, 1.0, 2.0**30]
    assert scales.scales(x.reshape(2, 3)).shape == (2, 3) and scales.scales(np.zeros((0, 3))).shape == (0, 3)


def test_the_bits_that_are_kept_beside_others_are_those_of_the_largest():
    """One entry is a quarter of the others: four bits more than thirty are kept of what they differ by, not two."""
    x = np.append(np.ones(100), 0.25)
    assert is_offset(x) and scale(x) == 2.0**-4
    for bit, kept in ((34, True), (35, False)):
        fine = np.append(np.full(100, 0.5 + 2.0**-bit), 0.125)
        assert np.array_equal(quantise(fine), fine) is kept


def test_what_is_known_of_a_small_array_is_measured_once_and_of_its_numbers_not_of_the_array(monkeypatch):
    seen, measured = [], scales._measured
    monkeypatch.setattr(scales, "_measured", lambda x: seen.append(x.size) or measured(x))
    x = np.random.default_rng(3).normal(size=(5, 7))
    assert scales.scale(x) == scales.scale(x.T.copy().T) == scales.scale(x.copy()) and seen == [35]
    x *= 64
    assert scales.scale(x) == 64 * scales.scale(x / 64) and seen == [35, 35], "of numbers that it had before as well"
    large = np.ones(scales.SMALL + 1)
    assert scales.scale(large) == scales.scale(large) == 1 and seen == [35, 35] + [large.size] * 2


@pytest.mark.parametrize("size", [scales.SMALL, scales.SMALL + 1])
def test_entries_of_a_large_array_have_scales_too_and_what_is_kept_cannot_be_written_to(size):
    found = entry_scales(np.full(size, 3.0))
    assert found.shape == (size,) and (found == 4).all()
    assert found.flags.writeable is (size > scales.SMALL)
    assert (entry_scales(np.full((2, 3), np.float32(3))) == 4).all()


@pytest.mark.parametrize(("kept", "most"), [(scales._of_few, 1024), (scales._scales_of_few, 512)])
def test_what_was_found_of_many_arrays_is_kept_at_once(kept, most):
    """Of a model each of its arrays is asked for again and again."""
    kept.cache_clear()
    for k in range(most + 9):
        kept(np.array([1.0, 2.0 + k]).tobytes())
    assert kept.cache_info().currsize == most


def test_a_root_of_squares_has_the_axes_that_are_left_also_those_of_one_entry():
    x = np.array([[[3.0, 4.0]], [[6.0, 8.0]]])
    assert root_sum_square(x, axis=2).tolist() == [[5.0], [10.0]]


def test_points_are_of_float64_whatever_they_were_given_in():
    assert quantise(np.ones(3, np.float32)).dtype == np.float64
