"""Sums of which one term absorbs the other move as that does, and others are what they were."""

import numpy as np
import pytest

from gradcheck.subjects.summed import watched
from gradcheck.subjects.sums import OtherSumsError, Sums

SMALL = np.array([0.5, -2.0, 3.0])


def noted(f, *arrays):
    """What is noted of a function, and what it then returns."""
    sums = Sums()
    return sums, asked(sums, f, *arrays)


def asked(sums, f, *arrays):
    with sums.watching():
        return np.asarray(f(*map(watched, arrays)))


def test_a_term_that_is_lost_moves_the_sum():
    mask = np.array([-1e30, 1e30, 0])
    sums, here = noted(np.add, SMALL, mask)
    assert sums.lose
    there = asked(sums, np.add, SMALL + np.array([0.25, 0.5, 1]), mask)
    np.testing.assert_allclose(there - here, [0.25, 0.5, 1], rtol=1e-10, atol=1e-10)
    assert here[2] == SMALL[2] and (abs(here[:2]) > 1000).all() and (np.sign(here[:2]) == [-1, 1]).all()


def test_of_a_softmax_only_what_dominates_matters():
    def f(s, m):
        e = np.exp((s + m) - (s + m).max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    s, m = np.random.default_rng(0).normal(size=(3, 4)), np.zeros((3, 4))
    m[0], m[1, 2:] = -1e30, -1e30
    sums, here = noted(f, s, m)
    assert np.array_equal(here[1:], f(s, m)[1:])  # the same bits
    np.testing.assert_allclose(here[0], 1 / 4, rtol=1e-15, atol=0)
    assert np.abs(asked(sums, f, 2 * s, m)[0] - 1 / 4).max() > 0.1


@pytest.mark.parametrize(("first", "second"), [
    (SMALL, np.full(3, -1e4)), (SMALL, -SMALL), (SMALL, np.zeros(3)), (SMALL, np.full(3, -np.inf)),
    (np.full(3, 1e-20), np.ones(3)),
])  # fmt: skip
def test_other_sums_are_what_they_were(first, second):
    sums, here = noted(np.add, first, second)
    assert not sums.lose
    assert np.array_equal(here, first + second)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_a_sum_keeps_its_dtype(dtype):
    sums, here = noted(np.add, SMALL.astype(dtype), np.full(3, np.finfo(dtype).min))
    assert sums.lose and here.dtype == dtype and np.isfinite(here).all()


@pytest.mark.parametrize("f", [lambda s: (s[:2] + 1e30), lambda s: (s + 1e30) + 1e30 + s])
def test_sums_that_come_in_another_order_are_refused(f):
    sums, _ = noted(lambda s: s + 1e30, SMALL)
    with pytest.raises(OtherSumsError):
        asked(sums, f, SMALL)
