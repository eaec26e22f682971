"""Arrays as the machine and the user have them: their byte order, their width, their axes in memory."""

from typing import Any

import numpy as np

from gradcheck.subjects import trees


def laid(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return x with its axes in memory in the order in which the user's array has them."""
    if like.flags.c_contiguous or x.shape != like.shape:
        return x
    twin = np.empty_like(like, dtype=x.dtype)
    twin[...] = x
    return twin


def native(tree: Any) -> Any:
    """Return a tree whose numbers have the byte order of the machine.

    Raises:
        TypeError: an array is wider than float64, in which the check computes.
    """
    found = list(trees.leaves(tree, kinds="fc"))
    for path, x in found:
        if x.dtype.itemsize > (8 if x.dtype.kind == "f" else 16):
            where = f"{path} " if path else "an array "
            raise TypeError(f"gradcheck: {where}must be of float64 or narrower, got {x.dtype}")
    if all(x.dtype.isnative for _, x in found):
        return tree
    return trees.rebuild(tree, iter([x.astype(x.dtype.newbyteorder("=")) for _, x in found]), kinds="fc")
