"""What a forward pass returns, as one vector, and a vector as what it returned."""

import math
from typing import Any

import numpy as np

from gradcheck.subjects import alignment, trees
from gradcheck.subjects.refusals import of_library

NUMPYS = np.ndarray | np.generic


def flat(y: Any) -> np.ndarray:
    """Return every floating or complex array of an output as one vector."""
    parts = [x.ravel() for _, x in trees.leaves(_as_array(y), kinds="fc")]
    if not parts:
        foreign = [end for _, end in trees.ends(y) if hasattr(type(end), "__array__") and not isinstance(end, NUMPYS)]
        ending = f"; {of_library(foreign[0])}" if foreign else ""
        raise TypeError(f"gradcheck: the forward pass must return a floating array, got {brief(y)}{ending}")
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def like(y: Any, vector: np.ndarray, protect: bool = True) -> Any:
    """Return `vector` cut into the arrays of an output: a cotangent of its structure and dtypes."""
    y, pieces, start = _as_array(y), [], 0
    for _, x in trees.leaves(y):
        piece = vector[start : start + x.size].reshape(x.shape).astype(x.dtype)
        pieces.append(trees.read_only(piece) if protect else piece)
        start += x.size
    return trees.rebuild(y, iter(pieces))


def pieces(y: Any, dy: Any) -> list[Any]:
    """Return what a cotangent has for each floating array of an output."""
    return [d for _, d in alignment.align(_as_array(y), dy, "dy")]


def representable(y: Any, vectors: np.ndarray) -> np.ndarray:
    """Return cotangents (G, m) of an output, rounded to what its arrays hold: what is handed over is what counts."""
    rows = [np.concatenate([np.zeros(0), *(x.ravel() for _, x in trees.leaves(like(y, v)))]) for v in vectors]
    return np.array(rows, np.float64).reshape(vectors.shape)


def output_names(y: Any) -> list[tuple[str, tuple[int, ...]]]:
    """Return path and shape of every array in an output."""
    return [(path, x.shape) for path, x in trees.leaves(_as_array(y), "y")]


def entry(parts: list[tuple[str, tuple[int, ...]]], k: int) -> str:
    """Return the name of the k-th entry of outputs, given by path and shape: `y[1][0, 2]`."""
    for name, shape in parts:
        if k < math.prod(shape):
            return name + (f"[{', '.join(str(int(i)) for i in np.unravel_index(k, shape))}]" if shape else "")
        k -= math.prod(shape)
    raise IndexError(k)


def _as_array(y: Any) -> Any:
    return np.asarray(y) if isinstance(y, float | complex) else y


def brief(x: Any) -> str:
    """Return dtype and shape of an array, the kind of anything else."""
    return f"{x.dtype}{list(x.shape)}" if isinstance(x, np.ndarray) else type(x).__name__
