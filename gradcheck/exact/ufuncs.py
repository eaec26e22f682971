"""NumPy's ufuncs, and SciPy's, on balls: each by its name, in every way in which NumPy calls them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck.exact.calls import CALLED, as_dual
from gradcheck.exact.folds import METHODS, into
from gradcheck.exact.operands import Operand
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.values import Dual
from gradcheck.exact.watch import now

__all__ = ["evaluated", "into", "name_of"]


def evaluated(ufunc: np.ufunc, method: str, operands: Sequence[Operand], options: dict) -> Any:
    """Return what a ufunc gives, or one of its methods: a Dual, an array of whole numbers or truth values, or several.

    Raises:
        NotFollowed: balls do not take it.
    """
    if options.get("dtype") is not None and np.dtype(options["dtype"]).kind in "fc":
        if np.dtype(options["dtype"]) != np.float64:
            raise NotFollowed(f"{name_of(ufunc)} in {np.dtype(options['dtype'])}")
        options = {key: value for key, value in options.items() if key != "dtype"}
        operands = [as_dual(x) for x in operands]
    if not any(isinstance(x, Dual) for x in operands) and _stays_plain(ufunc, operands):
        return getattr(ufunc, method)(*operands, **options)
    if method in METHODS:
        found = METHODS[method](ufunc, operands, options)
    elif method == "__call__" and ufunc.__name__ in CALLED:
        found = CALLED[ufunc.__name__](*operands)
    else:
        raise NotFollowed(name_of(ufunc) if method == "__call__" else f"{name_of(ufunc)}.{method}")
    if now().bounded and isinstance(found, Dual):
        _expect_bounds(found, operands, name_of(ufunc))
    return found


def name_of(ufunc: np.ufunc) -> str:
    return f"numpy.{ufunc.__name__}" if hasattr(np, ufunc.__name__) else f"scipy.special.{ufunc.__name__}"


def _stays_plain(ufunc: np.ufunc, operands: Sequence[Operand]) -> bool:
    """Whether whole numbers and truth values give such again."""
    try:
        kinds = ufunc.resolve_dtypes((*(np.asarray(x).dtype for x in operands), *[None] * ufunc.nout))
    except (TypeError, ValueError, RuntimeError):  # `reduce` has an operand less
        return True
    return all(kind.kind in "iub" for kind in kinds[-ufunc.nout :])


def _expect_bounds(found: Dual, operands: Sequence[Operand], name: str) -> None:
    """Raise at the first call that makes a number without a bound of numbers that have one."""
    if not _has_nan(found) or any(isinstance(x, Dual) and _has_nan(x) for x in operands):
        return
    raise NotFollowed(f"{name}, which gives a number without a bound there")


def _has_nan(x: Dual) -> bool:
    return any(v.is_nan() for part in x if part is not None for v in part.flat)
