"""A ufunc's call on balls: its options, its refusals, and numbers without a bound."""

import numpy as np
import pytest
import scipy.special
from flint import arb
from onballs import array, floats, run

from gradcheck.exact.balls import Balls
from gradcheck.exact.refusals import NotFollowed

X = np.array([0.5, 2.0])


def test_results_are_written_where_asked():
    def written(x):
        out = np.ones_like(x)
        assert np.multiply(x, 3, out=out, where=np.array([True, False])) is out
        return out

    found, _ = run(written, (X, X))
    assert floats(found.value).tolist() == [1.5, 1.0] and floats(found.change).tolist() == [1.5, 0.0]


def test_operators_write_in_place():
    def written(x):
        y = x.copy()
        kept = y
        y *= x
        y -= 1
        assert y is kept
        return y

    found, _ = run(written, (X, np.ones(2)))
    assert floats(found.value).tolist() == [-0.75, 3.0] and floats(found.change).tolist() == [1.0, 4.0]


def test_bare_arrays_take_no_results():
    with pytest.raises(NotFollowed, match=r"^numpy\.add into a bare NumPy array$"):
        np.add(array(X), 1, out=np.zeros(2))


def test_less_precision_is_refused():
    with pytest.raises(NotFollowed, match=r"^numpy\.add in float32$"):
        np.add(array(X), 1, dtype=np.float32)
    assert np.add(array(X), 1, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "name"),
    [(np.spacing, "numpy.spacing"), (scipy.special.j0, "scipy.special.j0")],
)
def test_what_is_not_taken_is_named(call, name):
    with pytest.raises(NotFollowed, match=f"^{name}$".replace(".", r"\.")):
        call(array(X))


def test_whole_numbers_stay_whole_until_a_quotient():
    n = Balls(np.array([1, 2, 3]))
    assert (n * 2 + 1).value.tolist() == [3, 5, 7] and (n % 2 == 1).value.tolist() == [True, False, True]
    third = (n / 3).value[0]
    assert third.contains(arb(1) / 3) and (n / 3).dtype == np.float64
    assert np.sqrt(n).dtype == np.float64


def test_a_mask_multiplies():
    assert floats((array(X) * np.array([True, False])).value).tolist() == [0.5, 0.0]


def test_the_first_number_without_a_bound_is_told_where_asked():
    with pytest.raises(NotFollowed, match=r"^numpy\.log, which gives a number without a bound there$"):
        run(lambda x: np.log(x - x) * 2, (X, X), bounded=True)
    found, _ = run(lambda x: np.log(x - x) * 2, (X, X))
    assert all(v.is_nan() for v in found.value)
