"""NumPy's other ways to call a ufunc: along an axis, step by step, and of all pairs."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.exact.calls import CALLED, as_dual, is_true
from gradcheck.exact.elementwise import add
from gradcheck.exact.operands import Operand
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.values import Dual, normal, spread

LOGICAL = ("logical_and", "logical_or")


def reduce(ufunc: np.ufunc, operands: Sequence[Operand], options: dict) -> Any:
    """Fold numbers along axes; sums are NumPy's."""
    name, axis = ufunc.__name__, options.get("axis", 0)
    keep, initial = options.get("keepdims", False), options.get("initial")
    if options.get("where", True) is not True:
        raise NotFollowed(f"numpy.{name}.reduce with where")
    if name in LOGICAL:
        return ufunc.reduce(is_true(operands[0]), axis=axis, keepdims=keep)
    x = as_dual(operands[0])
    axes = tuple(range(x.value.ndim)) if axis is None else tuple(np.atleast_1d(axis) % max(x.value.ndim, 1))
    first = None if initial is None else as_dual(np.asarray(initial))
    if name == "add":
        found = x.each(lambda part: normal(np.add.reduce(part, axis=axes, keepdims=keep)))
        return found if first is None else add(found, first)
    rule = _rule(ufunc, "reduce")
    if first is None and name == "multiply":
        first = as_dual(np.asarray(1))
    for axis in sorted(axes, reverse=True):
        x = _folded(rule, x, axis, first, name)
    x = x if initial is None or first is None else rule(x, first)
    return x if keep else x.each(lambda part: np.squeeze(part, axis=axes))


def _rule(ufunc: np.ufunc, method: str) -> Callable:
    rule = CALLED.get(ufunc.__name__)
    if rule is None or ufunc.nin != 2 or ufunc.signature is not None:
        raise NotFollowed(f"numpy.{ufunc.__name__}.{method}")
    return rule


def _rows(x: Dual, axis: int) -> list[Dual]:
    return [x.each(functools.partial(np.take, indices=[k], axis=axis)) for k in range(x.value.shape[axis])]


def _folded(rule: Callable, x: Dual, axis: int, first: Dual | None, name: str) -> Dual:
    rows = _rows(x, axis)
    if not rows:
        if first is None:
            raise ValueError(f"zero-size array to reduction operation {name} which has no identity")
        return first.each(lambda part: spread(part, (*x.value.shape[:axis], 1, *x.value.shape[axis + 1 :])))
    found = rows[0]
    for row in rows[1:]:
        found = rule(found, row)
    return found


def accumulate(ufunc: np.ufunc, operands: Sequence[Operand], options: dict) -> Dual:
    x, axis = as_dual(operands[0]), options.get("axis", 0)
    if ufunc.__name__ == "add":
        return x.each(lambda part: normal(np.add.accumulate(part, axis=axis)))
    rule, rows = _rule(ufunc, "accumulate"), _rows(x, axis)
    for k in range(1, len(rows)):
        rows[k] = rule(rows[k - 1], rows[k])
    changes = [row.change for row in rows if row.change is not None]
    value = np.concatenate([row.value for row in rows], axis=axis) if rows else x.value
    return Dual(value, np.concatenate(changes, axis=axis) if changes else x.change)


def outer(ufunc: np.ufunc, operands: Sequence[Operand], options: dict) -> Any:
    a, b = (as_dual(x) for x in operands)
    wide = (slice(None),) * a.value.ndim + (None,) * b.value.ndim
    return _rule(ufunc, "outer")(a.each(lambda part: part[wide]), b)


def into(ufunc: np.ufunc, target: Dual, places: Any, operand: Dual) -> None:
    """Add to numbers in place, or take off them, at places that may repeat."""
    if ufunc.__name__ not in ("add", "subtract"):
        raise NotFollowed(f"numpy.{ufunc.__name__}.at")
    ufunc.at(target.value, places, operand.value)
    if target.change is not None and operand.change is not None:
        ufunc.at(target.change, places, operand.change)


METHODS: dict[str, Callable] = {"reduce": reduce, "accumulate": accumulate, "outer": outer}
