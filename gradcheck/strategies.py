"""hypothesis strategies for tests of layers: shapes, well-scaled arrays, masks.

They draw what a gradient check can say something about: axes of different lengths, numbers of
moderate size without exact zeros or ties, masks that leave something visible.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

Shape = tuple[int, ...]
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def shapes(
    draw: st.DrawFn, dims: int | tuple[int, int] = (1, 3), sides: tuple[int, int] = (2, 6), distinct: bool = True
) -> Shape:
    """Draw a shape with a number of axes in `dims` and lengths in `sides`, both included.

    Unless `distinct` is False all lengths differ, so that no two axes can be confused.

    Raises:
        ValueError: there are not as many different lengths as axes.
    """
    low, high = (dims, dims) if isinstance(dims, int) else dims
    available = sides[1] - sides[0] + 1
    if not 0 <= low <= high or available < 1 or sides[0] < 0:
        raise ValueError(f"shapes: dims and sides must be ranges of whole numbers, got {dims} and {sides}")
    if distinct and available < high:
        raise ValueError(f"shapes: {high} different lengths must lie in sides, got {sides}")
    lengths = st.lists(st.integers(*sides), min_size=low, max_size=high, unique=distinct)
    return tuple(draw(lengths))


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: Shape | int | st.SearchStrategy[Shape],
    dtype: DTypeLike = np.float64,
    scale: float | tuple[float, float] = 1.0,
    positive: bool = False,
) -> np.ndarray:
    """Draw an array of numbers with moduli between 0.25 and 1.75 times `scale`, of either sign unless `positive`.

    No entry is zero and hardly any two are equal; `scale` may be a range, of which any order of
    magnitude is drawn.  An array shrinks to a simpler seed, not entry by entry.

    Raises:
        ValueError: a scale is not positive.
    """
    low, high = scale if isinstance(scale, tuple) else (scale, scale)
    if not 0 < low <= high < np.inf:
        raise ValueError(f"arrays: scale must be positive, or a range of positive numbers, got {scale}")
    size = _drawn(draw, shape)
    rng = np.random.default_rng(draw(SEEDS))
    factor = low if low == high else float(np.exp(draw(st.floats(np.log(low), np.log(high)))))
    values = rng.uniform(0.25, 1.75, size) * factor
    if not positive:
        values = np.where(rng.random(size) < 0.5, -values, values)
    return np.asarray(values).astype(dtype)


@st.composite
def masks(draw: st.DrawFn, shape: Shape | int | st.SearchStrategy[Shape], empty_rows: bool = False) -> np.ndarray:
    """Draw a boolean array, True where visible: everything, what lies before (causal), a first part (padding), or any.

    Along the last axis something is visible everywhere, unless `empty_rows` allows rows of False.
    """
    size = _drawn(draw, shape)
    kinds = ["everything", "padding", "random"] + ["causal"] * (len(size) > 1)
    kind = draw(st.sampled_from(kinds))
    rng = np.random.default_rng(draw(SEEDS))
    last = size[-1] if size else 1
    least = 0 if empty_rows else 1
    if kind == "everything" or not last:
        mask = np.ones(size, bool)
    elif kind == "causal":
        mask = np.broadcast_to(np.tri(size[-2], last, dtype=bool), size).copy()
    elif kind == "padding":
        lengths = rng.integers(least, last + 1, (*size[:-1], 1))
        mask = np.broadcast_to(np.arange(last) < lengths, size).copy()
    else:
        mask = rng.random(size) < 0.5
        if not empty_rows:
            chosen = rng.integers(last, size=(*size[:-1], 1))
            mask |= np.arange(last) == chosen
    return mask.reshape(size)


def _drawn(draw: Any, shape: Shape | int | Sequence[int] | st.SearchStrategy[Shape]) -> Shape:
    found = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    return (found,) if isinstance(found, int) else tuple(found)
