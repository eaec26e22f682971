import numpy as np
import pytest

from reference.core.special import rows_added
from reference.replay.noted import FUNCTIONS, METHODS, OPERATORS, PLAIN, Noted, given, name_of, plain
from reference.replay.source import compiled
from reference.replay.tape import RefusedError, Tape

X = np.arange(12, dtype=np.float32).reshape(3, 4) - 5.5


def written(table, x):
    table[1] = x[0]
    np.copyto(table, 7, where=x > 2)
    table += x
    return table


def squared(x):
    y = x * 1
    np.square(x, out=y)
    return y


CALLS = {
    "operators": lambda x: (2 - x) @ x.T / 3 + -abs(x) @ x.T,
    "comparisons": lambda x: (x > 0) & ~(x != 2.5) | (x <= -1),
    "a reduction of a ufunc": lambda x: np.add.reduce(x, axis=0),
    "two outputs": lambda x: np.ldexp(*np.frexp(x)),
    "a part": lambda x: x[1:, None, ::2],
    "rows by number": lambda x: x[np.array([2, 0, 2])],
    "those that are true": lambda x: x[x > 0],
    "a table that is written to": lambda x: written(np.zeros_like(x), x),
    "an output": squared,
    "functions": lambda x: np.concatenate([np.where(x > 0, x, 0), np.full_like(x, 3)], axis=1),
    "a row of arrays": lambda x: np.stack(np.split(x, 2, axis=1)),
    "one array in a row": lambda x: np.split(x, 1)[0] * 2,
    "methods": lambda x: x.reshape(4, 3).swapaxes(0, 1).astype(float).cumsum(axis=1).take([0, 2], axis=0),
    "a number": lambda x: (x.sum() * 2).reshape(1) + x.max(axis=1),
    "bits": lambda x: x.view(np.int32) + 1,
    "real and T": lambda x: x.real.T,
    "rows added": lambda x: rows_added(np.array([1, 0, 1]), x, 2),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_is_noted_is_what_numpy_says_and_says_it_again(call):
    tape = Tape()
    made = call(given(tape, X))
    wanted = call(X)
    np.testing.assert_array_equal(plain(made), wanted, strict=True)
    (again,) = compiled(tape.lines, tape.given, [name_of(made)])(X)
    np.testing.assert_array_equal(again, wanted, strict=True)
    other = np.where(X > 0, X + 1, X)
    (again,) = compiled(tape.lines, tape.given, [name_of(made)])(other)
    np.testing.assert_array_equal(again, call(other), strict=True)


REFUSED = {
    "a number of Python's": lambda x: float(x[0, 0]),
    "an index": lambda x: range(5)[x.astype(int)[0, 0]],
    "an item": lambda x: x.item(0),
    "a list": lambda x: x.tolist(),
    "bytes": lambda x: x.tobytes(),
    "one after the other": lambda x: list(x),
    "whether it is in": lambda x: 2.5 in x,
    "places": lambda x: np.flatnonzero(x),
    "places by where": lambda x: np.where(x > 0),
    "values": lambda x: np.unique(x),
    "a function that nobody noted": lambda x: np.linalg.norm(x),
    "written by at": lambda x: np.add.at(x, 0, 1),
    "written to what was given": lambda x: np.add(x, 1, out=x),
    "a part of what was given": lambda x: x.__setitem__(0, 1),
    "into an array of others": lambda x: np.add(x, 1, out=np.empty((3, 4), np.float32)),
    "copied to others": lambda x: np.copyto(np.empty((3, 4), np.float32), x),
    "of another call": lambda x: np.ndarray.reshape(x, 12) + 1,
    "sorted where it lies": lambda x: x.sort(),
    "all at once": lambda x: x.fill(0),
    "flat": lambda x: x.flat,
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_what_may_depend_on_numbers_or_is_not_seen_is_refused(call):
    with pytest.raises(RefusedError):
        call(given(Tape(), X.copy()))


def test_all_that_an_array_can_do_is_noted_or_refused_or_says_no_number():
    names = set(dir(np.ndarray))
    own = {name for name in names if name in vars(Noted)}
    assert own & PLAIN == {"__doc__"}
    assert names - own - PLAIN - OPERATORS == set()
    assert set(METHODS) <= own
    assert names >= PLAIN


def test_functions_that_are_noted_are_handed_to_the_class_of_an_array():
    for function in FUNCTIONS:
        assert function is rows_added or function.__module__ == "numpy"


def test_shapes_and_dtypes_may_be_asked_for():
    tape = Tape()
    x = given(tape, X)
    assert (x.shape, x.ndim, x.size, len(x), x.dtype, np.result_type(x, 1.0)) == ((3, 4), 2, 12, 3, X.dtype, X.dtype)
    assert tape.lines == []


def test_what_is_no_array_of_a_tape_has_no_name():
    with pytest.raises(RefusedError, match="must come of a call that is noted, got one of ndarray"):
        name_of(X)
