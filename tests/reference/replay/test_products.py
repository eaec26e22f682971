import numpy as np
import pytest

from reference.replay.noted import given, name_of
from reference.replay.products import DOT, of_matrices
from reference.replay.source import compiled
from reference.replay.tape import Tape

A, W = np.linspace(-1, 1, 30, dtype=np.float32).reshape(6, 5), np.linspace(2, -1, 35, dtype=np.float32).reshape(5, 7)
ONES = np.ones(5, np.float32)


def asked(call, *arrays):
    """Return for each product whether it is asked of BLAS at once, once it is seen that the bits are the same."""
    tape = Tape()
    returned = [name_of(call(*[given(tape, array) for array in arrays]))]
    lines = of_matrices(tape, tape.lines)
    (got,), (want,) = (compiled(some, tape.given, returned)(*arrays) for some in (lines, tape.lines))
    assert (got.dtype, got.shape, got.strides, got.tobytes()) == (want.dtype, want.shape, want.strides, want.tobytes())
    return [line.function == DOT for line in lines if line.function in (DOT, np.matmul)]


CASES = {
    "two matrices": (lambda a, w: a @ w, True),
    "turned ones": (lambda a, w: w.T @ a.T, True),
    "one with itself": (lambda a, _: a.T @ a, True),
    "a matrix and a vector": (lambda a, _: a @ ONES, True),
    "a vector and a matrix": (lambda _, w: ONES @ w, True),
    "a part of the columns": (lambda a, w: a[:, 1:4] @ w[1:4], True),
    "a stack": (lambda a, w: a[None] @ w, False),
    "two vectors": (lambda a, _: (a[0] @ ONES)[None], False),
    "one row": (lambda a, w: a[:1] @ w, False),
    "every second column": (lambda a, w: a[:, ::2] @ w[:3], False),
    "columns backwards": (lambda a, w: a[:, ::-1] @ w, False),
    "rows backwards": (lambda a, w: a[::-1] @ w, False),
    "two dtypes": (lambda a, w: a.astype(np.float64) @ w, False),
    "whole numbers": (lambda a, w: a.astype(np.int64) @ w.astype(np.int64), False),
    "a list": (lambda a, _: np.matmul(a, [1.0, 2, 3, 4, 5]), False),
    "a place that is given": (lambda a, w: np.matmul(a, w, out=np.zeros_like(a, shape=(6, 7))), False),
}


@pytest.mark.parametrize(("call", "wanted"), CASES.values(), ids=CASES)
def test_products_of_two_matrices_are_asked_of_blas_at_once(call, wanted):
    assert asked(call, A, W) == [wanted]


@pytest.mark.parametrize("rows", [2, 128, 1024])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_are_those_of_matmul_at_the_sizes_of_a_step(rng, rows, dtype):
    x, d, w = (rng.normal(size=shape).astype(dtype) for shape in ((rows, 64), (rows, 256), (64, 256)))
    for call in (lambda x, _, w: x @ w, lambda _, d, w: d @ w.T, lambda x, d, _: x.T @ d, lambda x, d, w: d @ w[0]):
        assert asked(call, x, d, w) == [True]
