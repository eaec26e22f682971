"""What a source and a target may be given: who of them sees whom.

B batch, S positions of the source, T positions of the target.
"""

from typing import Any

import numpy as np

from reference.core.arrays import expect_beside
from reference.core.masks import causal
from reference.core.shapes import expect_boolean, expect_shape


def expect_source(where: str, name: str, source: Any, source_mask: Any, *, one: bool = False) -> None:
    """Raise unless these are a source (B, S, D), or what was made of it, and the mask of one, with `one` of one row."""
    expect_shape(where, name, source, ("B", "S", "D"))
    length = source.shape[1]
    _expect_mask(where, "source_mask", source_mask, source, 1 if one else length, length)


def expect_target(where: str, target: Any, memory: Any, target_mask: Any, memory_mask: Any) -> None:
    """Raise unless these are a target (B, T, D) of a source or memory (B, S, D), and masks of its positions."""
    expect_shape(where, "target", target, (memory.shape[0], "T", memory.shape[2]))
    length = target.shape[1]
    _expect_mask(where, "target_mask", target_mask, target, length, length)
    _expect_mask(where, "memory_mask", memory_mask, target, length, memory.shape[1])


def of_memory(where: str, source_mask: Any, memory_mask: Any) -> Any:
    """Return who of the memory the targets see: the mask of the memory, or that of the source where it has one row.

    Raises:
        ValueError: there is none of the memory, and that of the source has a row for each position.
    """
    if memory_mask is not None or source_mask is None:
        return memory_mask
    if source_mask.shape[2] != 1:
        must = f"memory_mask must be given where source_mask has {source_mask.shape[2]} rows"
        raise ValueError(f"{where}: {must}, got None")
    return source_mask


def of_target(target: np.ndarray, target_mask: Any) -> np.ndarray:
    """Return who of the target (B, T, D) sees whom: those up to its own position that the mask lets it see."""
    seen = causal(target.shape[1], like=target)
    return seen if target_mask is None else seen & target_mask


def _expect_mask(where: str, name: str, mask: Any, x: Any, rows: int, columns: int) -> None:
    """Raise unless a mask is None, or one of rows and columns for each of x (B, ...), an array like it."""
    if mask is None:
        return
    expect_boolean(where, name, mask)
    expect_beside(where, name, mask, x)
    batch = x.shape[0]
    b, _, t, _ = mask.shape if mask.ndim == 4 else (0, 0, 0, 0)
    if mask.shape[1:2] + mask.shape[3:] != (1, columns) or b not in (1, batch) or t not in (1, rows):
        row = "1" if rows == 1 else f"{rows} or 1"
        raise ValueError(f"{where}: {name} must have shape ({batch} or 1, 1, {row}, {columns}), got {mask.shape}")
