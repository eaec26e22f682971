"""How large the entries of an array are."""

import numpy as np
import pytest

from gradcheck.numeric.scales import entry_scales, quantise, root_sum_square, scale


def test_a_base_point_is_rounded_to_few_bits(rng):
    x = rng.normal(size=1000) * 10.0 ** rng.integers(-12, 12, 1000)
    q = quantise(x)
    assert (np.abs(q - x) <= 2.0**-30 * np.abs(x)).all()
    assert np.array_equal(q, q.astype(np.longdouble)) and np.array_equal(quantise(q), q)
    assert (np.frexp(q)[0] * 2**30 % 1 == 0).all()


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


def test_entries_have_one_scale_unless_they_range_over_many_orders_of_magnitude():
    assert entry_scales(np.array([1.0, 2.0, 0.0])).tolist() == [1.0] * 3
    wide = entry_scales(np.array([2.0**-20, 2.0**-19, 2.0**-18, 1.0]))
    assert wide.tolist() == [2.0**-20, 2.0**-19, 2.0**-18, 1.0]
