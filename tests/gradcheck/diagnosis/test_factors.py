"""gradcheck.diagnosis.factors: numbers, and no layers."""

import numpy as np

from gradcheck.diagnosis import factors

rng = np.random.default_rng(15)
T, SLACK = rng.normal(size=(4, 3)), np.full((4, 3), 1e-12)


def test_each_row_has_a_factor_of_its_own():
    by = np.array([1.0, 2.0, 3.0, -1.0])
    np.testing.assert_allclose(factors.rowwise(by[:, None] * T, T, SLACK), by, rtol=1e-12, atol=0)


def test_one_factor_for_all_rows_is_none_of_a_row():
    assert factors.rowwise(2 * T, T, SLACK) is None


def test_an_entry_that_is_off_otherwise_leaves_no_factors():
    off = np.arange(1, 5)[:, None] * T
    off[0, 0] += 1e-6
    assert factors.rowwise(off, T, SLACK) is None


def test_factors_change_with_one_index():
    by = np.arange(1.0, 4.0)[:, None] * np.ones(2)
    assert factors.as_axis(by.ravel(), (3, 2)) == "depends on the index of axis 0 only"
    assert factors.as_axis(np.arange(6.0), (3, 2)) is None


def test_a_whole_count_in_one_stretch_is_told():
    assert factors.counted(np.array([1.0, 2.0, 2.0, 1.0]), (4,)) == 2


def test_parts_of_a_count_and_scattered_places_are_not():
    assert factors.counted(np.array([1.0, 1.5, 1.5, 1.0]), (4,)) is None
    assert factors.counted(np.array([2.0, 1.0, 2.0, 1.0]), (4,)) is None


def test_quotients_of_one_set_in_another_order_make_one():
    x = np.array([2.0, 3.0, 5.0, 7.0])
    assert factors.reordered(np.roll(x, 1) / x) and not factors.reordered(x / 2)
