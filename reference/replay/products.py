"""Products of two matrices, or of one and a vector, asked of BLAS by the method `dot`.

`matmul`, which also takes stacks of them, needs half a microsecond to find out that there is none: of the hundred
products of a step of width 64 that is a fortieth of the step.  Both hand BLAS the same numbers, so the bits are the
same where BLAS can take both arrays as they lie.
"""

import dataclasses

import numpy as np

from reference.replay.tape import Kind, Line, Method, Name, Tape

DOT = Method("dot")


def of_matrices(tape: Tape, lines: list[Line]) -> list[Line]:
    """Return the lines with `dot` in place of `matmul`, where no array is a stack of matrices."""
    return [dataclasses.replace(line, function=DOT) if _is_one(tape, line) else line for line in lines]


def _is_one(tape: Tape, line: Line) -> bool:
    if line.function is not np.matmul or line.kwargs or len(line.args) != 2:
        return False
    arrays = [tape.kind(array) if isinstance(array, Name) else array for array in line.args]
    if not all(isinstance(array, Kind | np.ndarray) and _is_taken(array) for array in arrays):
        return False
    return arrays[0].dtype == arrays[1].dtype and max(len(array.shape) for array in arrays) == 2


def _is_taken(array: Kind | np.ndarray) -> bool:
    """Whether BLAS takes a vector or a matrix as it lies, and no axis is so short that `dot` takes it for less."""
    shape, strides, size = array.shape, array.strides, array.dtype.itemsize
    if array.dtype.char not in "fd" or len(shape) not in (1, 2) or min(shape) < 2 or min(strides) != size:
        return False
    far = max(strides)
    return len(shape) == 1 or (far % size == 0 and far >= size * shape[strides.index(size)])
