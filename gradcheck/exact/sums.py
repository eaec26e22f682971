"""NumPy's functions that are composed of ufuncs: sums, means, norms, extremes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.exact.refusals import NotFollowed


def folded(ufunc: np.ufunc) -> Callable:
    """Return the function that folds by a ufunc: along all axes where none is named."""

    def called(x: Any, axis: Any = None, *args: Any, **options: Any) -> Any:
        options = {key: value for key, value in options.items() if value is not np._NoValue}
        return ufunc.reduce(x, axis, *args, **options)

    return called


total = folded(np.add)


def _count(x: Any, axis: Any) -> int:
    axes = range(np.ndim(x)) if axis is None else np.atleast_1d(axis)
    return math.prod(np.shape(x)[i] for i in axes)


def mean(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    return np.divide(total(x, axis, dtype, keepdims=keepdims is True), _count(x, axis), out=out)


def variance(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = False
) -> Any:
    apart = x - mean(x, axis, keepdims=True)
    return np.divide(total(apart * apart, axis, keepdims=keepdims is True), _count(x, axis) - ddof, out=out)


def deviation(x: Any, *args: Any, **options: Any) -> Any:
    return np.sqrt(variance(x, *args, **options))


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None:
        return mean(x, axis)
    if np.ndim(weights) < np.ndim(x):
        weights = np.reshape(weights, [-1 if i == axis % np.ndim(x) else 1 for i in range(np.ndim(x))])
    return total(x * weights, axis) / total(weights * np.ones_like(x), axis)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Follow the norms that are sums of powers."""
    if ord not in (None, 2, 1, "fro", np.inf) or (ord == 2 and axis is None and x.ndim > 1):
        raise NotFollowed(f"numpy.linalg.norm of order {ord}")
    if ord in (None, 2, "fro"):
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    return (np.sum if ord == 1 else np.max)(np.abs(x), axis=axis, keepdims=keepdims)


def clip(x: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    x = x if low is None else np.maximum(x, low)
    x = x if high is None else np.minimum(x, high)
    return np.positive(x, out=out)


def rounded(x: Any, decimals: int = 0, out: Any = None) -> Any:
    return np.divide(np.rint(x * 10**decimals), 10**decimals, out=out)


def sinc(x: Any) -> Any:
    scaled = np.radians(x * 180)
    zero = x == 0
    return np.where(zero, 1, np.sin(scaled) / np.where(zero, 1, scaled))


CALLED: dict[str, Callable] = {
    "amax": folded(np.maximum),
    "amin": folded(np.minimum),
    "average": average,
    "clip": clip,
    "cumprod": lambda x, axis=None, **_: np.multiply.accumulate(np.ravel(x) if axis is None else x, axis=axis or 0),
    "linalg.norm": norm,
    "linalg.vecdot": lambda a, b, axis=-1: np.sum(a * b, axis=axis),
    "max": folded(np.maximum),
    "mean": mean,
    "min": folded(np.minimum),
    "prod": folded(np.multiply),
    "ptp": lambda x, axis=None: np.max(x, axis=axis) - np.min(x, axis=axis),
    "sinc": sinc,
    "std": deviation,
    "round": rounded,
    "around": rounded,
    "sum": total,
    "vdot": lambda a, b: np.dot(np.ravel(a), np.ravel(b)),
    "var": variance,
}
