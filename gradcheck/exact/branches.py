"""Where numbers decide: comparisons, maxima, absolute values, parts; by midpoints, and noted.

A tie is two equal numbers that do not move alike: there the function has a kink or a jump, and a slope on one side.
Two balls that overlap otherwise straddle the branch: which of the numbers is larger is not known.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from gradcheck.exact.values import Dual, as_int, as_objects, entries, normal, zeros
from gradcheck.exact.watch import now

HALF = arb(0.5)


def compared(a: Dual, b: Dual, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return whether a > b, and whether a = b, entry by entry."""
    x, y = np.broadcast_arrays(a.value, b.value)
    above, below = np.asarray(x > y, dtype=bool), np.asarray(x < y, dtype=bool)
    equal = np.zeros(x.shape, bool)
    now().decided[name] += x.size
    if (above | below).all():
        return above, equal
    moves = [None if d.change is None else np.broadcast_to(d.change, x.shape) for d in (a, b)]
    for at in entries(x.shape):
        if not above[at] and not below[at]:
            above[at], equal[at] = _close(x[at], y[at], [0 if d is None else d[at] for d in moves], name)
    return above, equal


def _close(x: arb, y: arb, moves: list, name: str) -> tuple[bool, bool]:
    """Decide between two numbers of which neither is surely the larger."""
    if x.is_nan() or y.is_nan():
        return False, False
    if x == y:
        if moves[0] != moves[1]:
            now().ties[name] += 1
        return False, True
    now().straddled[name] += 1
    apart = (x - y).mid()
    return apart > 0, apart == 0


Asked = Callable[[Dual, Dual], np.ndarray]


def asked(name: str) -> Asked:
    """Return the rule of a comparison."""
    swapped = {"less": "greater", "less_equal": "greater_equal"}.get(name)

    def rule(a: Dual, b: Dual) -> np.ndarray:
        if swapped:
            a, b = b, a
        above, equal = compared(a, b, name)
        kind = swapped or name
        if kind == "not_equal":
            return ~equal
        return {"greater": above, "equal": equal, "greater_equal": above | equal}[kind]

    return rule


ASKED: dict[str, Asked] = {
    name: asked(name) for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
}


def chosen(name: str, larger: bool) -> Callable[[Dual, Dual], Dual]:
    """Return the rule of a maximum, or of a minimum."""

    def rule(a: Dual, b: Dual) -> Dual:
        above, equal = compared(a, b, name)
        return picked((above | equal) if larger else ~above, a, b)

    return rule


def picked(first: np.ndarray, a: Dual, b: Dual) -> Dual:
    """Return a where `first` holds, b elsewhere."""
    value = as_objects(np.where(first, a.value, b.value))
    if a.change is None and b.change is None:
        return Dual(value)
    changes = [zeros(()) if x.change is None else x.change for x in (a, b)]
    return Dual(value, as_objects(np.where(first, *changes)))


def absolute(x: Dual) -> Dual:
    above, equal = compared(x, Dual(zeros(())), "absolute")
    return picked(above | equal, x, x.each(np.negative))


def sign(x: Dual) -> Dual:
    above, equal = compared(x, Dual(zeros(())), "sign")
    return steps(x, np.where(equal, 0, np.where(above, 1, -1)))


def steps(x: Dual, value: np.ndarray) -> Dual:
    """Return whole numbers, which do not change with x."""
    found = normal(value)
    return Dual(found, None if x.change is None else zeros(found.shape))


def part(name: str, function: Callable[[arb], arb], jumps: Callable[[arb], bool]) -> Callable[[Dual], Dual]:
    """Return the rule of a rounding to whole numbers, which jumps where `jumps` says so."""

    def rule(x: Dual) -> Dual:
        watch = now()
        watch.decided[name] += x.value.size
        found = np.empty(x.value.shape, object)
        for at in entries(x.value.shape):
            v = x.value[at]
            found[at] = function(v)
            if v.is_finite() and not found[at].is_exact():
                watch.straddled[name] += 1
                found[at] = function(v.mid())
            if x.change is not None and not x.change[at].is_zero() and jumps(v):
                watch.ties[name] += 1
        return Dual(found, None if x.change is None else zeros(found.shape))

    return rule


def _half_even(x: arb) -> arb:
    low = x.floor()
    if x - low == HALF:
        return low if as_int(low) % 2 == 0 else low + 1
    return (x + HALF).floor()


def _is_half(x: arb) -> bool:
    return bool((x - HALF).is_integer())


ROUNDED = {
    "floor": part("floor", arb.floor, arb.is_integer),
    "ceil": part("ceil", arb.ceil, arb.is_integer),
    "trunc": part("trunc", lambda x: x.floor() if x >= 0 else x.ceil(), arb.is_integer),
    "rint": part("rint", _half_even, _is_half),
}
CHOSEN = {
    "maximum": chosen("maximum", True),
    "fmax": chosen("fmax", True),
    "minimum": chosen("minimum", False),
    "fmin": chosen("fmin", False),
}


def order(x: Dual) -> np.ndarray:
    """Return the stable order (..., N) of numbers (..., N) along their last axis."""
    found = np.empty(x.value.shape, dtype=np.intp)
    for at in entries(x.value.shape[:-1]):
        row, change = x.value[at], None if x.change is None else x.change[at]
        found[at] = _sorted(row, change)
    return found


def _sorted(row: np.ndarray, change: np.ndarray | None) -> list[int]:
    now().decided["argsort"] += len(row)
    middles: list[Any] = [x.mid() for x in row]
    order = sorted(range(len(row)), key=lambda i: middles[i])
    for i, j in itertools.pairwise(order):
        if not row[i] < row[j]:
            _close(row[i], row[j], [0, 0] if change is None else [change[i], change[j]], "argsort")
    return order
