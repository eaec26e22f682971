"""Functions that move numbers about, and products: on the numbers and on their changes."""

import numpy as np
import pytest
from onballs import array, expect_slope, floats, run

from gradcheck.exact.balls import Balls
from gradcheck.exact.functions import MOVED, PRODUCTS
from gradcheck.exact.refusals import NotFollowed

MASK = np.array([[True, False, True], [False, True, True]])
X = np.arange(6.0).reshape(2, 3) - 2.5
SQUARE = np.arange(9.0).reshape(3, 3) * 0.5
CALLS = {  # with a matrix (2, 3), or the arguments that are given
    "append": lambda x: np.append(x, x[:1], axis=0),
    "array_split": lambda x: np.array_split(x, 2, axis=1)[0],
    "block": lambda x: np.block([[x, x], [x, x]]),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[:1])[1],
    "broadcast_to": lambda x: np.broadcast_to(x, (4, 2, 3)),
    "column_stack": lambda x: np.column_stack([x, x]),
    "compress": lambda x: np.compress([True, False, True], x, axis=1),
    "concatenate": lambda x: np.concatenate([x, 2 * x], axis=1),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "cumulative_sum": lambda x: np.cumulative_sum(x, axis=1),
    "delete": lambda x: np.delete(x, 1, axis=1),
    "diag": lambda x: np.diag(x[0]),
    "diagflat": lambda x: np.diagflat(x),
    "diff": lambda x: np.diff(x, axis=1),
    "dsplit": lambda x: np.dsplit(x[None], 3)[1],
    "dstack": lambda x: np.dstack([x, x]),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "extract": lambda x: np.extract(MASK, x),
    "hsplit": lambda x: np.hsplit(x, 3)[2],
    "hstack": lambda x: np.hstack([x, x]),
    "insert": lambda x: np.insert(x, 1, x[:, 0], axis=1),
    "lib.stride_tricks.sliding_window_view": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
    "linalg.diagonal": lambda x: np.linalg.diagonal(x),
    "linalg.matrix_transpose": lambda x: np.linalg.matrix_transpose(x),
    "linalg.trace": lambda x: np.linalg.trace(x),
    "meshgrid": lambda x: np.meshgrid(x[0], x[1])[1],
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "pad": lambda x: np.pad(x, 1, constant_values=2.0),
    "repeat": lambda x: np.repeat(x, [2, 0, 1], axis=1),
    "reshape": lambda x: np.reshape(x, (3, 2)),
    "resize": lambda x: np.resize(x, (3, 3)),
    "roll": lambda x: np.roll(x, 1, axis=1),
    "rollaxis": lambda x: np.rollaxis(x, 1),
    "split": lambda x: np.split(x, [1], axis=1)[1],
    "squeeze": lambda x: np.squeeze(x[:1]),
    "stack": lambda x: np.stack([x, x], axis=1),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "take": lambda x: np.take(x, [2, 0, 2], axis=1),
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[2, 0], [1, 1]]), axis=1),
    "tile": lambda x: np.tile(x, (2, 1)),
    "tril": lambda x: np.tril(x),
    "triu": lambda x: np.triu(x, 1),
    "unstack": lambda x: np.unstack(x)[1],
    "vsplit": lambda x: np.vsplit(x, 2)[0],
    "vstack": lambda x: np.vstack([x, x]),
    "where": lambda x: np.where(MASK, x, -1.5),
}
TWO = {
    "convolve": (X[0], X[1]),
    "correlate": (X[0], X[1]),
    "linalg.outer": (X[0], X[1]),
    "outer": (X[0], X[1]),
    "cross": (X, X[::-1] + 1),
    "linalg.tensordot": (SQUARE, SQUARE.T),
    "tensordot": (SQUARE, SQUARE.T),
    "inner": (X, X + 1),
}


def numpys(name):
    found = np
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", MOVED)
def test_numbers_and_their_changes_are_moved_alike(name):
    call = CALLS.get(name) or numpys(name)
    change = np.cos(X)
    found, watch = run(call, (X, change))
    np.testing.assert_array_equal(floats(found.value if isinstance(found, Balls) else found[0].value), call(X))
    expect_slope(call, (X, change))
    assert not watch.decided


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_follow_the_product_rule(name):
    a, b = TWO.get(name, (SQUARE, SQUARE.T + 1))
    product = numpys(name)
    found, _ = run(product, (a, np.cos(a)), (b, np.sin(b)))
    np.testing.assert_allclose(floats(found.value), product(a, b), rtol=1e-14, atol=0)  # floats round once a sum
    expect_slope(product, (a, np.cos(a)), (b, np.sin(b)))
    expect_slope(lambda a: product(a, b), (a, np.cos(a)))


@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "ij,ij->", "ii->i", "ij,jk,kl->il"])
def test_einsum_follows_the_product_rule(subscripts):
    count = subscripts.count(",") + 1
    pairs = [(SQUARE + i, np.cos(SQUARE * i)) for i in range(count)]
    expect_slope(lambda *x: np.einsum(subscripts, *x), *pairs)


@pytest.mark.parametrize("function", [lambda a, b: a @ b, np.matmul, np.dot])
@pytest.mark.parametrize(("a", "b"), [(X, SQUARE), (X, X[0]), (X[0], SQUARE), (X[0], X[1])])
def test_matrices_are_multiplied_as_numpy_does(function, a, b):
    found, _ = run(function, (a, np.cos(a)), (b, np.sin(b)))
    np.testing.assert_allclose(floats(found.value), a @ b, rtol=1e-14, atol=0)
    expect_slope(function, (a, np.cos(a)), (b, np.sin(b)))


def test_batches_of_matrices_are_multiplied_as_numpy_does():
    a, b = np.cos(np.arange(24.0)).reshape(2, 1, 3, 4), np.sin(np.arange(40.0)).reshape(2, 4, 5)
    expect_slope(np.matmul, (a, a), (b, b))


def test_a_view_sees_what_is_written_to_the_whole():
    def written(x):
        y = x.copy()
        row = y.reshape(-1)[2:4]
        row += x[0, 0]
        return y

    expect_slope(written, (X, np.cos(X)))
    found, _ = run(written, (X, np.cos(X)))
    assert floats(found.change).ravel()[2] == np.cos(X).ravel()[2] + np.cos(X[0, 0])


def test_whole_numbers_and_truth_values_stay_what_they_are():
    ids = Balls(np.array([[2, 0], [1, 1]]))
    found, _ = run(lambda x: np.take_along_axis(x, ids, axis=1), (X, X))
    np.testing.assert_array_equal(floats(found.value), np.take_along_axis(X, ids.value, 1))
    assert np.concatenate([ids, ids]).value.dtype == int
    assert np.where(Balls(MASK), ids[:, :1], 0).value.tolist() == [[2, 0, 2], [0, 1, 1]]


def test_any_function_takes_ids_and_masks():
    ids = Balls(np.array([3, 1, 3]))
    assert np.unique(ids).value.tolist() == [1, 3] and np.bincount(ids, minlength=5).value.tolist() == [0, 1, 0, 2, 0]
    rows, columns = np.unravel_index(ids, (2, 3))
    assert (rows.value.tolist(), columns.value.tolist()) == ([1, 0, 1], [0, 1, 0])
    with pytest.raises(NotFollowed, match=r"^numpy\.median$"):  # which would be rounded
        np.median(ids)


def test_a_function_that_balls_do_not_take_is_named():
    with pytest.raises(NotFollowed, match=r"^numpy\.linalg\.eigvalsh$"):
        np.linalg.eigvalsh(array(SQUARE))
    with pytest.raises(NotFollowed, match=r"^numpy\.fft\.rfft$"):
        np.fft.rfft(array(X))
    with pytest.raises(NotFollowed, match=r"^numpy\.concatenate into a bare NumPy array$"):
        np.concatenate([array(X), array(X)], out=np.zeros((4, 3)))


def test_every_function_is_one_of_numpys():
    assert all(callable(numpys(name)) for name in [*MOVED, *PRODUCTS])
