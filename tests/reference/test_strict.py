"""The strict array is strict: nothing leaves it in silence, nothing bare meets it, and its numbers are NumPy's."""

import operator

import numpy as np
import pytest
import scipy.special
from strict import REFUSED, Strict, numbers, strict

BARE = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def x():
    return Strict(BARE.copy())


@pytest.mark.parametrize("size", [(), (1,), (2, 3)])
@pytest.mark.parametrize(
    "convert",
    [bool, int, float, complex, operator.index, list, tuple, iter, np.asarray, np.array, lambda x: 1.0 in x,
     lambda x: range(3)[x], lambda x: [*x], np.float64],
)  # fmt: skip
def test_it_becomes_nothing_else_in_silence(convert, size):
    with pytest.raises(TypeError, match="a strict array does not answer"):
        convert(Strict(np.ones(size, int)))


def test_every_refusal_is_one_line_that_names_what_was_asked(x):
    for name in REFUSED:
        with pytest.raises(TypeError, match=rf"^a strict array does not answer {name}: nothing leaves it in silence$"):
            getattr(x, name)()


MEETINGS = {
    "operand": lambda x, y: x + y,
    "operand on the left": lambda x, y: y + x,
    "operand in place": lambda x, y: operator.iadd(x, y),
    "product": lambda x, y: x @ y.T,
    "ufunc": np.multiply,
    "function": lambda x, y: np.where(x > 0, x, y),
    "function of a tuple": lambda x, y: np.concatenate([x, y]),
    "where": lambda x, y: np.add(x, x, where=y > 0),
    "result": lambda x, y: np.add(x, x, out=y),
    "in place": lambda x, y: operator.iadd(y, x),
    "copy to": lambda x, y: np.copyto(y, x),
    "copy from": lambda x, y: np.copyto(x, y),
    "index": lambda x, y: x[y > 2],
    "index among others": lambda x, y: x[0, y[0].astype(int)],
    "value": lambda x, y: x.__setitem__(slice(None), y),
    "method": lambda x, y: x.take(y.astype(int)),
    "set": lambda x, y: y.__setitem__(slice(None), x),
}


@pytest.mark.parametrize("meet", MEETINGS.values(), ids=MEETINGS)
def test_it_meets_no_bare_array(x, meet):
    bare = BARE.copy()
    with pytest.raises(TypeError, match="strict array"):
        meet(x, bare)
    np.testing.assert_array_equal(bare, BARE)


def test_numbers_and_arrays_without_axes_are_taken(x):
    for two in (2, 2.0, np.float64(2), np.array(2.0)):
        np.testing.assert_array_equal(numbers(two * x), 2 * BARE)
        np.testing.assert_array_equal(numbers(x * two), 2 * BARE)
        np.testing.assert_array_equal(numbers(np.maximum(x, two)), np.maximum(BARE, 2))


@pytest.mark.parametrize(
    "f",
    [
        np.exp, np.frexp, scipy.special.erfc, lambda x: x.sum(axis=0), lambda x: x.sum(), lambda x: x[0],
        lambda x: x[1, 2],
        lambda x: -x, lambda x: 2 ** x, lambda x: x > 1, lambda x: x.T, lambda x: x.real, lambda x: x @ x.T,
        lambda x: x.astype(np.float32), lambda x: np.split(x, [1]), lambda x: np.nonzero(x), np.zeros_like,
        lambda x: x[x > 2], lambda x: x.max(axis=1, keepdims=True), np.shape, lambda x: np.result_type(x, np.float32),
    ],
)  # fmt: skip
def test_what_is_made_of_it_is_strict_and_has_numpys_numbers(x, f):
    got, want = f(x), f(BARE)
    many = isinstance(want, tuple | list) and not isinstance(want[0], int)
    for g, w in zip(got if many else [got], want if many else [want], strict=True):
        if isinstance(w, np.ndarray | np.generic):
            assert numbers(g).tobytes() == np.asarray(w).tobytes() and numbers(g).dtype == w.dtype
        else:
            assert g == w


def test_results_are_written_in_place(x):
    y = x
    y += 1
    y[0] = 7
    assert np.exp(y, out=y) is y is x
    np.testing.assert_array_equal(numbers(x), np.exp([[7.0, 7, 7], [4, 5, 6]]))


def test_what_is_asked_for_by_name_is_granted(x):
    assert x.tolist() == BARE.tolist()
    np.testing.assert_array_equal(numbers(np.asarray(BARE, like=x)), BARE)


def test_it_carries_arrays_of_numpy_only():
    for other in (1.0, [1.0], np.ma.array([1.0]), Strict(BARE)):
        with pytest.raises(TypeError, match=r"^Strict carries a numpy.ndarray, got "):
            Strict(other)


def test_what_was_called_is_told_while_somebody_listens(x, monkeypatch):
    monkeypatch.setattr(Strict, "called", set())
    np.exp(x)
    np.add.reduce(x)
    np.zeros_like(x)
    x[0].sum()
    x.T
    assert Strict.called == {
        ("ufunc", "exp"), ("ufunc", "add.reduce"), ("function", "zeros_like"), ("method", "__getitem__"),
        ("method", "sum"), ("attribute", "T"),
    }  # fmt: skip


def test_only_arrays_are_made_strict():
    assert strict(None) is None and strict("word") == "word" and strict(3) == 3
    assert [type(entry) for entry in strict((BARE, 1))] == [Strict, int]
