"""Arrays that are made like balls, and written into."""

import numpy as np
import pytest
from onballs import array, floats, run

from gradcheck.exact.balls import Balls
from gradcheck.exact.refusals import NotFollowed

X, D = np.array([[1.5, -2.0], [0.25, 3.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("make", "fill"),
    [(np.zeros_like, 0), (np.ones_like, 1), (np.empty_like, 0), (lambda x, **o: np.full_like(x, -0.3, **o), -0.3)],
)
def test_an_array_is_made_like_another_and_does_not_change(make, fill):
    found, _ = run(make, (X, D))
    assert found.shape == X.shape and (floats(found.value) == fill).all() and not floats(found.change).any()
    found, _ = run(lambda x: make(x, shape=3), (X, D))
    assert found.shape == (3,) and found.dtype == np.float64


def test_whole_numbers_are_made_as_numpy_has_them():
    assert np.ones_like(array(X), dtype=bool).value.tolist() == [[True, True], [True, True]]
    assert np.full_like(array(X), 3, dtype=int).value.dtype == int


def test_casts_by_function_are_those_by_method():
    assert np.astype(Balls(np.array([1, 2])), np.float64).dtype == np.float64
    assert floats(np.astype(array(X), np.float64).value).tolist() == X.tolist()


def test_an_array_of_less_precision_is_refused():
    with pytest.raises(NotFollowed, match=r"^an array of float32$"):
        np.zeros_like(array(X), dtype=np.float32)


def test_what_a_generator_drew_is_handed_over():
    kept = np.array([True, False, True])
    assert np.frombuffer(kept.tobytes(), bool, like=array(X)).value.tolist() == kept.tolist()
    assert floats(np.asarray(X, like=array(X)).value).tolist() == X.tolist()
    assert np.asarray(np.array([1, 2]), like=array(X)).value.dtype == int


def test_copies_take_the_changes_along_where_a_mask_says():
    def copied(x, y):
        out = np.zeros_like(x)
        np.copyto(out, y, where=np.array([True, False]))
        return out

    found, _ = run(copied, (X, D), (2 * X, 3 * D))
    assert floats(found.value).tolist() == [[3.0, 0.0], [0.5, 0.0]]
    assert floats(found.change).tolist() == [[3.0, 0.0], [9.0, 0.0]]


def test_balls_are_not_copied_into_bare_arrays():
    with pytest.raises(NotFollowed, match=r"^balls copied into a bare NumPy array$"):
        np.copyto(np.zeros_like(X), array(X))
    with pytest.raises(NotFollowed, match=r"^balls put into a bare NumPy array$"):
        np.put_along_axis(np.zeros((2, 2)), np.array([[1], [0]]), array(X)[:, :1], axis=1)
    with pytest.raises(NotFollowed, match=r"^balls copied into whole numbers$"):
        np.copyto(Balls(np.zeros((2, 2), int)), array(X))


def test_numbers_are_put_where_whole_ones_say():
    def put(x):
        out = np.zeros_like(x)
        np.put_along_axis(out, np.array([[1], [0]]), x[:, :1], axis=1)
        np.fill_diagonal(out, 2.0)
        return out

    found, _ = run(put, (X, D))
    assert floats(found.value).tolist() == [[2.0, 1.5], [0.25, 2.0]]
    assert floats(found.change).tolist() == [[0.0, 1.0], [3.0, 0.0]]
