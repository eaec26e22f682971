"""Mean of the squares of errors.  Derivation: specs/losses/mean_squared_error.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import as_array, expect_beside
from reference.core.shapes import expect_boolean, expect_choice, expect_floating


def mean_squared_error(
    y: np.ndarray, *, target: np.ndarray, mask: np.ndarray | None = None, reduction: str = "mean"
) -> np.ndarray:
    """Map predictions y (...) and targets (...) to the loss ()."""
    loss, _ = mean_squared_error_vjp(y, target=target, mask=mask, reduction=reduction)
    return loss


def mean_squared_error_vjp(
    y: np.ndarray, *, target: np.ndarray, mask: np.ndarray | None = None, reduction: str = "mean"
) -> tuple[np.ndarray, Callable[[np.ndarray | float], np.ndarray]]:
    """Return the loss () and the pullback dloss -> dy (...).

    `mask` is boolean, True where y counts, and has the shape of y's first axes: (B, T) with y
    (B, T, D) leaves out whole rows.  What does not count is never looked at.  The loss is the
    sum of (y - target)^2 over the entries that count, or their mean; 0 if none does.  The target
    is a constant; its gradient would be -dy.

    Raises:
        TypeError: y is not a floating or complex array, target not a floating one (or complex,
            where y is), or mask not a boolean one.
        ValueError: the shapes do not match, or reduction is neither 'mean' nor 'sum'.

    Source: Legendre 1805; Bishop 2006, "Pattern recognition and machine learning", eq. 1.2.
    """
    _expect_arguments(y, target, mask, reduction)
    shape = y.shape
    if mask is not None:
        y, target = y[mask], target[mask]               # (N, ...)
    e = as_array(np.subtract(y, target, dtype=y.dtype.newbyteorder("=")))  # (mean_squared_error.1)
    share = 1 / max(e.size, 1) if reduction == "mean" else 1.0      # (mean_squared_error.2)
    loss = as_array((e * e).sum() * share)            # ()        # (mean_squared_error.3)

    def pullback(dloss: np.ndarray | float) -> np.ndarray:
        de = as_array(2 * dloss * share * e)                      # (mean_squared_error.4)
        if mask is None:
            return de
        dy = np.zeros_like(de, shape=shape)             # (...)
        dy[mask] = de                                               # (mean_squared_error.5)
        return dy

    return loss, pullback


def _expect_arguments(y: np.ndarray, target: np.ndarray, mask: np.ndarray | None, reduction: str) -> None:
    where = "mean_squared_error"
    expect_floating(where, "y", y)
    expect_floating(where, "target", target)
    if target.dtype.kind == "c" and y.dtype.kind == "f":
        raise TypeError(f"{where}: target must be real as y is, got {target.dtype}")
    if target.shape != y.shape:  # a target that broadcasts would compare each entry with several
        raise ValueError(f"{where}: target must have shape {y.shape}, got {target.shape}")
    expect_beside(where, "target", target, y)
    if mask is not None:
        expect_boolean(where, "mask", mask)
        expect_beside(where, "mask", mask, y)
    if mask is not None and mask.shape != y.shape[: mask.ndim]:
        raise ValueError(f"{where}: mask must have the shape of the first axes of y, {y.shape}, got {mask.shape}")
    expect_choice(where, "reduction", reduction, ("mean", "sum"))


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    y, target = rng.normal(size=(2, 2, 3, 7))
    mask = np.array([[True, True, True], [True, False, False]])
    yield "mean of (2, 3, 7)", mean_squared_error_vjp, (y,), {"target": target}
    yield "sum, masked", mean_squared_error_vjp, (y,), {"target": target, "mask": mask, "reduction": "sum"}
    yield "mean, masked", mean_squared_error_vjp, (y,), {"target": target, "mask": mask}
