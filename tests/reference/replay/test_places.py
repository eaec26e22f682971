import numpy as np
import pytest

from reference.replay.noted import given, name_of
from reference.replay.places import in_place
from reference.replay.source import compiled
from reference.replay.tape import Tape

X = np.arange(12.0).reshape(3, 4)


def outs(call, *arrays):
    """Return for each line whether it writes over an input, once it is seen that the answer is the same."""
    tape = Tape()
    made = call(*[given(tape, array) for array in arrays])
    returned = [name_of(array) for array in (made if isinstance(made, tuple) else (made,))]
    lines = in_place(tape, returned)
    wanted = [array.copy() for array in arrays]
    for got, want in zip(
        compiled(lines, tape.given, returned)(*arrays),
        compiled(tape.lines, tape.given, returned)(*arrays),
        strict=True,
    ):
        assert got.strides == want.strides
        np.testing.assert_array_equal(got, want, strict=True)
    for array, was in zip(arrays, wanted, strict=True):
        np.testing.assert_array_equal(array, was)  # what is given is never written to
    return ["out" in line.kwargs for line in lines]


def again(x):
    y = x + 1
    return (y * 2) * y


def aliased(x):
    y = x + 1
    flat = y.reshape(12)
    return (y * 2).sum() + flat


def both(x):
    y = x + 1
    return y, y * 2


CASES = {
    "the first has no place of its own": (lambda x: (x + 1) * 2, [False, True]),
    "what is read again stays": (again, [False, False, True]),
    "as does what is read by another name": (aliased, [False, False, False, False, True]),
    "and what is returned": (both, [False, False]),
    "a view will do": (lambda x: (x + 1).T * 2, [False, False, True]),
    "another shape will not": (lambda x: (x.sum(axis=0) + 1) * x, [False, True, False]),
    "nor another dtype": (lambda x: (x + 1) > 2, [False, False]),
    "nor another order": (lambda x: x * (x.T + 1).T.copy().T[:3].T, None),
    "nor a number": (lambda x: x.sum() * 2 + 1, [False, False, False]),
    "nor what is not made entry by entry": (lambda x: (x[:, :3] + 1) @ (x[:, :3] + 2), [False] * 5),
    "one moves on from place to place": (lambda x: ((x + 1) * 2 - x) / 3, [False, True, True, True]),
}


@pytest.mark.parametrize(("call", "wanted"), CASES.values(), ids=CASES)
def test_a_ufunc_writes_over_what_is_read_for_the_last_time(call, wanted):
    if wanted is not None:
        assert outs(call, X) == wanted


def test_strides_decide_too():
    turned = np.asfortranarray(X)
    assert outs(lambda x, t: (x + 1) * (t + 1), X, turned)[-1]


def test_an_output_that_was_asked_for_stays_where_it_is():
    def call(x):
        y, z = x + 1, x + 2
        np.add(z, 1, out=y)
        return y

    assert outs(call, X) == [False, False, True]
