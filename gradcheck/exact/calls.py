"""Ufuncs that are called on numbers one by one, or are products: each by its name."""

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from gradcheck.exact import elementwise
from gradcheck.exact.branches import ASKED, CHOSEN, ROUNDED, absolute, compared, picked, sign, steps
from gradcheck.exact.operands import Operand
from gradcheck.exact.values import Dual, as_objects, balls, normal, whole, zeros


def as_dual(x: Operand) -> Dual:
    return x if isinstance(x, Dual) else Dual(balls(x))



def _on_balls(rule: Callable) -> Callable:
    return lambda *operands: rule(*map(as_dual, operands))


def _test(holds: Callable[[arb], bool]) -> Callable[[Operand], np.ndarray]:
    test = np.frompyfunc(holds, 1, 1)
    return lambda x: np.asarray(test(as_dual(x).value), dtype=bool)


def is_true(x: Operand) -> np.ndarray:
    return ASKED["not_equal"](x, Dual(zeros(()))) if isinstance(x, Dual) else np.asarray(x, dtype=bool)


def frexp(x: Operand) -> tuple[Dual, np.ndarray]:
    """Return the exponent by the midpoint, and what is left by it."""
    x = as_dual(x)
    exponents = np.asarray(np.frompyfunc(_exponent, 1, 1)(x.value), dtype=int)
    return ldexp(x, -exponents), exponents


def _exponent(x: arb) -> int:
    if x.mid().is_zero() or not x.is_finite():
        return 0
    mantissa, exponent = x.mid().man_exp()
    return int(exponent) + abs(int(mantissa)).bit_length()


def ldexp(x: Operand, exponent: Operand) -> Dual:
    whole_numbers = exponent if isinstance(exponent, np.ndarray) else whole(as_dual(exponent), "numpy.ldexp of balls")
    powers = as_objects(np.frompyfunc(lambda e: arb(2) ** int(e), 1, 1)(whole_numbers))
    return elementwise.multiply(as_dual(x), Dual(powers))


def floor_divide(a: Operand, b: Operand) -> Dual:
    return ROUNDED["floor"](elementwise.divide(as_dual(a), as_dual(b)))


def remainder(a: Operand, b: Operand) -> Dual:
    return elementwise.subtract(as_dual(a), elementwise.multiply(as_dual(b), floor_divide(a, b)))


def heaviside(x: Operand, at_zero: Operand) -> Dual:
    x = as_dual(x)
    above, equal = compared(x, Dual(zeros(())), "heaviside")
    return picked(equal, as_dual(at_zero), steps(x, above.astype(int)))


def copysign(x: Operand, y: Operand) -> Dual:
    size, other = absolute(as_dual(x)), as_dual(y)
    above, equal = compared(other, Dual(zeros(())), "copysign")
    return picked(above | equal, size, elementwise.ONE["negative"](size))


def product(multiply: Callable[..., Any]) -> Callable:
    """Return the rule of what is linear in each of its operands."""

    def rule(*operands: Operand) -> Dual:
        duals = [as_dual(x) for x in operands]
        values = [x.value for x in duals]
        value, change = normal(multiply(*values)), None
        for i, x in enumerate(duals):
            if x.change is not None:
                term = multiply(*values[:i], x.change, *values[i + 1 :])
                change = term if change is None else change + term
        return Dual(value, None if change is None else normal(change))

    return rule


CALLED: dict[str, Callable] = {
    **{name: _on_balls(rule) for name, rule in (elementwise.ONE | elementwise.TWO).items()},
    **{name: _on_balls(rule) for name, rule in (ASKED | ROUNDED | CHOSEN).items()},
    "absolute": _on_balls(absolute),
    "fabs": _on_balls(absolute),
    "sign": _on_balls(sign),
    "isfinite": _test(lambda x: x.is_finite()),
    "isnan": _test(lambda x: x.is_nan()),
    "isinf": _test(lambda x: not x.is_finite() and not x.is_nan()),
    "signbit": _test(lambda x: x.mid() < 0),
    "logical_not": lambda x: ~is_true(x),
    "logical_and": lambda a, b: is_true(a) & is_true(b),
    "logical_or": lambda a, b: is_true(a) | is_true(b),
    "frexp": frexp,
    "ldexp": ldexp,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "heaviside": heaviside,
    "copysign": copysign,
    "matmul": product(np.matmul),
    "vecdot": product(lambda a, b: np.add.reduce(a * b, axis=-1)),
}
