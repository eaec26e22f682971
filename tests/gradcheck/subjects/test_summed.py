"""Arrays add as NumPy's do, and each sum of two of them is watched."""

import numpy as np
import pytest

from gradcheck.subjects.summed import Summed, watched
from gradcheck.subjects.sums import Sums

SMALL = np.array([0.5, -2.0, 3.0])


def asked(sums, f, *arrays):
    with sums.watching():
        return np.asarray(f(*map(watched, arrays)))


def in_place(s, m):
    y = s * 1
    y += m
    return y


@pytest.mark.parametrize("f", [
    lambda s, m: s + m, lambda s, m: m + s, lambda s, m: s - (-m), lambda s, m: np.add(s, m),
    lambda s, m: np.where(m < 0, s, s) + np.concatenate([m]), lambda s, m: s.reshape(3, 1)[:, 0] + np.einsum("i->i", m),
    lambda s, m: np.split(s, [3])[0] + m, in_place,
])  # fmt: skip
def test_each_way_to_add_is_watched(f):
    mask, sums = np.array([-1e30, 1e30, 0]), Sums()
    here, there = (asked(sums, f, s, mask) for s in (SMALL, SMALL + 1))
    assert sums.lose
    np.testing.assert_allclose(there - here, 1, rtol=1e-10, atol=1e-10)


def test_what_is_no_sum_of_two_arrays_is_left_alone():
    def f(s):
        total = np.add.reduce(s * 1e30) + 1.0
        return np.add(s, 1e30, where=[True, False, True], out=np.zeros(3)) * 0 + (total > 0) + np.arange(3)

    here = asked(Sums(), f, SMALL)
    assert np.array_equal(here, [1, 2, 3])


def test_outside_of_a_run_it_is_an_array_like_any_other():
    y = watched(SMALL) + 1e30
    assert isinstance(y, Summed) and (np.asarray(y) == 1e30).all()
