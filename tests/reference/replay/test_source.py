import gc
import weakref

import numpy as np

from reference.replay.source import compiled
from reference.replay.tape import Line, Method, Name

A, B, C, D = map(Name, range(4))


def test_lines_are_made_in_their_order_with_constants_as_they_are():
    half, table = 0.1 + 0.2, np.array([1.0, 2])
    lines = [
        Line(np.multiply, (A, half), {}, made=(B,)),
        Line(Method("reshape"), (B, (2, 1)), {}, made=(C,)),
        Line(np.concatenate, ([C, C],), {"axis": 1}, made=(D,)),
        Line(np.add, (D, table), {"out": D}, written=D),
    ]
    (got,) = compiled(lines, [A], [D])(np.array([3.0, 4]))
    wanted = np.array([[3 * half] * 2, [4 * half] * 2]) + table
    np.testing.assert_array_equal(got, wanted)


def test_rows_of_arrays_are_taken_apart():
    lines = [Line(np.frexp, (A,), {}, made=(B, C), is_row=True), Line(np.split, (A, 1), {}, made=(D,), is_row=True)]
    fraction, exponent, whole = compiled(lines, [A], [B, C, D])(np.array([3.0]))
    assert (fraction, exponent, whole) == (0.75, 2, 3)


class Watched(np.ndarray):
    """An array that can be referred to weakly by what looks whether it is gone."""


def test_an_array_ends_with_its_last_use():
    made, alive = [], []

    def make(x):
        y = (x + 1).view(Watched)
        made.append(weakref.ref(y))
        return y

    def look(*_):
        alive.append([reference() is not None for reference in made])

    lines = [
        Line(make, (A,), {}, made=(B,)),
        Line(make, (B,), {}, made=(C,)),
        Line(look, (C,), {}, is_guard=True),
        Line(make, (C,), {}, made=(D,)),
        Line(look, (A,), {}, is_guard=True),
    ]
    gc.disable()
    try:
        (got,) = compiled(lines, [A], [C])(np.zeros(1))
    finally:
        gc.enable()
    assert got == 2
    assert alive == [[False, True], [False, True, False]]
