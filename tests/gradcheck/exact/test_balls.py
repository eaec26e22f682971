"""An array of balls is an array in all that it may be asked, and leaves nothing in silence."""

import copy
import math

import numpy as np
import pytest
from onballs import array, expect_slope, floats, run

from gradcheck.exact.balls import Balls
from gradcheck.exact.refusals import NotFollowed

X, D = np.array([[1.5, -2.0, 0.5], [0.25, 3.0, 7.0]]), np.cos(np.arange(6.0)).reshape(2, 3)


def test_it_has_what_an_array_has():
    x = array(X)
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((2, 3), 2, 6, 2, np.float64)
    assert x.T.shape == (3, 2) and x[None].mT.shape == (1, 3, 2) and x.real is x
    assert [float(np.asarray(row.value[0])) for row in x] == [1.5, 0.25]
    assert repr(x) == "Balls(float64[2, 3])" and x.flags.c_contiguous
    assert floats(x.flat[1].value) == -2 and not isinstance(x, np.ndarray)


@pytest.mark.parametrize("index", [0, (1, 2), slice(1), (slice(None), None, [2, 0]), ..., X > 1, (np.array([0, 1]), 1)])
def test_entries_are_read_and_written_as_numpys_are(index):
    found, _ = run(lambda x: x[index], (X, D))
    np.testing.assert_array_equal(floats(found.value), X[index])
    np.testing.assert_array_equal(floats(found.change), D[index])

    def written(x):
        y = np.zeros_like(x)
        y[index] = x[index] * 2
        y[index] += 1
        return y

    bare = np.zeros_like(X)
    bare[index] = X[index] * 2
    bare[index] += 1
    found, _ = run(written, (X, D))
    np.testing.assert_array_equal(floats(found.value), bare)
    expect_slope(written, (X, D))


def test_a_written_number_takes_its_change_away():
    def written(x):
        x[0] = 5.0
        return x

    found, _ = run(written, (X, D))
    assert floats(found.value)[0].tolist() == [5, 5, 5] and not floats(found.change)[0].any()


def test_copies_are_apart():
    for copied in (lambda x: x.copy(), copy.copy, copy.deepcopy, lambda x: x.flatten(), lambda x: x.astype(float)):
        x = array(X, D)
        y = copied(x)
        y[...] = 0
        assert floats(x.value).tolist() == X.tolist() and floats(x.change).tolist() == D.tolist()
    x = array(X)
    x.view()[...] = 0
    assert not floats(x.value).any() and x.astype(float, copy=False) is x


def test_casts_that_round_are_refused():
    for dtype in (np.float32, np.float16, complex, object, int, bool):
        with pytest.raises(NotFollowed, match=f"^a cast to {np.dtype(dtype)}$"):
            array(X).astype(dtype)
    assert np.floor(array(X)).astype(int).value.tolist() == np.floor(X).astype(int).tolist()


LEAVE = (float, math.exp, complex, int, lambda x: [0, 1][x], lambda x: x.item(), lambda x: x.tolist())


@pytest.mark.parametrize("leave", LEAVE)
def test_numbers_of_pythons_are_refused(leave):
    with pytest.raises(NotFollowed):
        leave(array(0.5))


def test_bare_arrays_are_refused_but_for_arrays_of_objects():
    for call in (
        lambda x: np.asarray(x, dtype=float),
        lambda x: np.zeros(X.shape).__setitem__(..., x),
        lambda x: np.zeros(3).__setitem__(0, x[0, 0]),
        lambda x: np.add(x, 1, out=np.zeros(X.shape)),
        lambda x: x.view(np.uint64),
    ):
        with pytest.raises((NotFollowed, ValueError)) as caught:  # NumPy: "an array element with a sequence"
            call(array(X))
        assert isinstance(caught.value, NotFollowed) or isinstance(caught.value.__cause__, NotFollowed)


def test_an_array_of_objects_is_followed_entry_by_entry():
    expect_slope(lambda x: np.array(x.sum()), (X, D))
    expect_slope(lambda x: np.exp(np.asarray(x)) * x + np.array([[x[0, 0], x[1, 1], 3.0]]), (X, D))


def test_whole_numbers_leave_as_they_are():
    n = Balls(np.array(3))
    assert (int(n), float(n), [0] * 4 + [1], range(n)) == (3, 3.0, [0, 0, 0, 0, 1], range(3))
    assert np.asarray(Balls(np.array([1, 2]))).tolist() == [1, 2] and Balls(np.array([True])).tolist() == [True]


def test_a_truth_value_decides():
    _, watch = run(lambda x: 1 if x.sum() > 0 else 2, (X, D))
    assert watch.decided == {"greater": 1}
    assert bool(array(0.5)) and not bool(array(0.0)) and bool(Balls(np.array(True)))


def test_numbers_without_a_change_get_one_in_a_run_that_is_followed():
    found, _ = run(lambda x: Balls(x.value), (X, D))
    assert found.change is not None and not floats(found.change).any()
    assert array(X).change is None
