"""What stands beside balls: numbers are taken exactly, others by name or not at all."""

import flint
import numpy as np
import pytest
from flint import arb
from onballs import array, floats

from gradcheck.exact.balls import Balls
from gradcheck.exact.operands import dual, operand, places, plain
from gradcheck.exact.refusals import NotFollowed

X = np.array([0.5, 2.0])


def test_numbers_of_all_kinds_are_taken_exactly():
    for x in (0.1, np.float64(0.1), np.array(0.1), np.float32(0.1), 3, np.int8(3), True, np.array([True, False])):
        assert (floats(dual(x).value) == np.asarray(x, float)).all()
    assert dual(0.1).value.item() == arb(0.1)
    with flint.ctx.workprec(300):
        assert dual(2**60 + 1).value.item() == arb(2) ** 60 + 1


@pytest.mark.parametrize("x", [1j, np.array([1j]), "text", None, np.array(["a"]), np.longdouble(1), {}])
def test_others_are_refused(x):
    with pytest.raises(NotFollowed):
        dual(x)


def test_lists_and_arrays_of_objects_that_hold_balls_become_one_array():
    a, b = array(X, X)
    for mixed in ([a, b, 3], np.asarray(array(X, X))):
        found = dual(mixed)
        assert floats(found.value).tolist()[:2] == X.tolist() and floats(found.change).tolist()[:2] == X.tolist()
    assert dual(np.array(a)).value.shape == ()


def test_whole_numbers_stay_what_they_are_beside_a_ufunc():
    assert operand(Balls(np.array([1, 2]))).dtype == int and operand(True).dtype == bool
    assert operand(0.5).value.item() == arb(0.5)


def test_places_are_whole_numbers_even_of_balls_that_do_not_change():
    index = (Balls(np.array([0, 1])), slice(None), [Balls(np.array(1))], None, ...)
    assert places(index)[0].tolist() == [0, 1] and places(index)[1:] == (slice(None), [1], None, ...)
    assert plain(Balls(np.array([2.0, 3.0], dtype=object) + arb(0)), "").tolist() == [2, 3]
    with pytest.raises(NotFollowed, match=r"^the call$"):
        plain(array(X), "the call")
    with pytest.raises(NotFollowed, match=r"^an index made of balls$"):
        places((array(X),))
