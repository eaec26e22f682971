"""hypothesis strategies for tests of layers: shapes, well-scaled arrays, masks.

They draw what a gradient check can say something about: axes of different lengths, numbers of
moderate size without exact zeros or ties, masks that leave something visible.
"""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

Shape = tuple[int, ...]
Shapes = Shape | int | st.SearchStrategy[Shape]
SEEDS = st.integers(0, 2**32 - 1)


def shapes(
    dims: int | tuple[int, int] = (1, 3), sides: tuple[int, int] = (2, 6), distinct: bool = True
) -> st.SearchStrategy[Shape]:
    """Shapes with a number of axes in `dims` and lengths in `sides`, both included.

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
    return st.lists(st.integers(*sides), min_size=low, max_size=high, unique=distinct).map(tuple)


def arrays(
    shape: Shapes,
    dtype: DTypeLike = np.float64,
    scale: float | tuple[float, float] = 1.0,
    positive: bool = False,
) -> st.SearchStrategy[np.ndarray]:
    """Arrays of numbers with moduli between 0.25 and 1.75 times `scale`, of either sign unless `positive`.

    No entry is zero and hardly any two are equal; `scale` may be a range, of which any order of
    magnitude is drawn.  An array shrinks to a simpler seed, not entry by entry.

    Raises:
        ValueError: a scale is not positive.
    """
    low, high = scale if isinstance(scale, tuple) else (scale, scale)
    if not 0 < low <= high < np.inf:
        raise ValueError(f"arrays: scale must be positive, or a range of positive numbers, got {scale}")

    @st.composite
    def draw_array(draw: st.DrawFn) -> np.ndarray:
        size = draw(_shape(shape))
        rng = np.random.default_rng(draw(SEEDS))
        values = rng.uniform(0.25, 1.75, size) * np.exp(draw(st.floats(np.log(low), np.log(high))))
        return np.where(positive | (rng.random(size) < 0.5), values, -values).astype(dtype)

    return draw_array()


def masks(shape: Shapes, empty_rows: bool = False) -> st.SearchStrategy[np.ndarray]:
    """Boolean arrays, True where visible: everywhere, what came before (causal), a first part (padding), or anywhere.

    Along the last axis something is visible everywhere, unless `empty_rows` allows rows of False.
    """

    @st.composite
    def draw_mask(draw: st.DrawFn) -> np.ndarray:
        size = draw(_shape(shape))
        kind = draw(st.sampled_from(["everywhere", "padding", "anywhere"] + ["causal"] * (len(size) > 1)))
        rng = np.random.default_rng(draw(SEEDS))
        last, rows = (size[-1], (*size[:-1], 1)) if size else (1, (1,))
        position = np.arange(last)
        if kind == "everywhere" or not last:
            mask = np.ones(size, bool)
        elif kind == "causal":
            mask = np.tri(size[-2], last, dtype=bool)
        elif kind == "padding":
            mask = position < rng.integers(0 if empty_rows else 1, last + 1, rows)
        else:
            mask = rng.random((*rows[:-1], last)) < 0.5
            if not empty_rows:
                mask |= position == rng.integers(last, size=rows)
        return np.broadcast_to(mask.reshape(size) if not size else mask, size).copy()

    return draw_mask()


def _shape(shape: Shapes) -> st.SearchStrategy[Shape]:
    if isinstance(shape, st.SearchStrategy):
        return shape
    return st.just((shape,) if isinstance(shape, int) else tuple(shape))
