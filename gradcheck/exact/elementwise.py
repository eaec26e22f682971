"""Smooth functions of one or two numbers, each with its derivative."""

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from gradcheck.exact.values import Dual, as_objects, is_still, spread

Slope = Callable[[np.ndarray, np.ndarray], Any]
Rule = Callable[..., Dual]


def each(function: Callable) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of balls as one of their arrays."""
    called = np.frompyfunc(function, 1, 1)
    return lambda x: as_objects(called(x))


def smooth(function: Callable, slope: Slope) -> Rule:
    """Return the rule for y = f(x), whose derivative is slope(x, y)."""
    called = each(function)

    def rule(x: Dual) -> Dual:
        y = called(x.value)
        return Dual(y, None if x.change is None else as_objects(slope(x.value, y) * x.change))

    return rule


exp, log, sqrt = each(arb.exp), each(arb.log), each(arb.sqrt)
sin, cos, sinh, cosh = each(arb.sin), each(arb.cos), each(arb.sinh), each(arb.cosh)
TWO_OVER_ROOT_PI = each(lambda x: 2 / arb.pi().sqrt() * (-x * x).exp())
NORMAL = each(lambda x: (-x * x / 2).exp() / (2 * arb.pi()).sqrt())
DEGREE = each(lambda x: x * 0 + arb.pi() / 180)


def _expit(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


ONE: dict[str, Rule] = {
    "negative": smooth(lambda x: -x, lambda x, y: -1),
    "positive": smooth(lambda x: x, lambda x, y: 1),
    "conjugate": smooth(lambda x: x, lambda x, y: 1),
    "square": smooth(lambda x: x * x, lambda x, y: 2 * x),
    "reciprocal": smooth(lambda x: 1 / x, lambda x, y: -y * y),
    "exp": smooth(arb.exp, lambda x, y: y),
    "exp2": smooth(lambda x: arb(2) ** x, lambda x, y: y * arb(2).log()),
    "expm1": smooth(arb.expm1, lambda x, y: y + 1),
    "log": smooth(arb.log, lambda x, y: 1 / x),
    "log2": smooth(lambda x: x.log() / arb(2).log(), lambda x, y: 1 / (x * arb(2).log())),
    "log10": smooth(lambda x: x.log() / arb(10).log(), lambda x, y: 1 / (x * arb(10).log())),
    "log1p": smooth(arb.log1p, lambda x, y: 1 / (1 + x)),
    "sqrt": smooth(arb.sqrt, lambda x, y: 1 / (2 * y)),
    "cbrt": smooth(lambda x: x.root(3) if x >= 0 else -(-x).root(3), lambda x, y: 1 / (3 * y * y)),
    "sin": smooth(arb.sin, lambda x, y: cos(x)),
    "cos": smooth(arb.cos, lambda x, y: -sin(x)),
    "tan": smooth(arb.tan, lambda x, y: 1 + y * y),
    "arcsin": smooth(arb.asin, lambda x, y: 1 / sqrt(1 - x * x)),
    "arccos": smooth(arb.acos, lambda x, y: -1 / sqrt(1 - x * x)),
    "arctan": smooth(arb.atan, lambda x, y: 1 / (1 + x * x)),
    "sinh": smooth(arb.sinh, lambda x, y: cosh(x)),
    "cosh": smooth(arb.cosh, lambda x, y: sinh(x)),
    "tanh": smooth(arb.tanh, lambda x, y: 1 - y * y),
    "arcsinh": smooth(arb.asinh, lambda x, y: 1 / sqrt(1 + x * x)),
    "arccosh": smooth(arb.acosh, lambda x, y: 1 / sqrt(x * x - 1)),
    "arctanh": smooth(arb.atanh, lambda x, y: 1 / (1 - x * x)),
    "radians": smooth(lambda x: x * arb.pi() / 180, lambda x, y: DEGREE(x)),
    "degrees": smooth(lambda x: x * 180 / arb.pi(), lambda x, y: 1 / DEGREE(x)),
    "erf": smooth(arb.erf, lambda x, y: TWO_OVER_ROOT_PI(x)),
    "erfc": smooth(arb.erfc, lambda x, y: -TWO_OVER_ROOT_PI(x)),
    "ndtr": smooth(lambda x: (-x / arb(2).sqrt()).erfc() / 2, lambda x, y: NORMAL(x)),
    "expit": smooth(_expit, lambda x, y: y * (1 - y)),
    "logit": smooth(lambda x: (x / (1 - x)).log(), lambda x, y: 1 / (x * (1 - x))),
    "log_expit": smooth(lambda x: -(-x).exp().log1p(), lambda x, y: each(_expit)(-x)),
    "gammaln": smooth(arb.lgamma, lambda x, y: each(arb.digamma)(x)),
}
ONE |= {"deg2rad": ONE["radians"], "rad2deg": ONE["degrees"]}


def add(a: Dual, b: Dual) -> Dual:
    y = as_objects(a.value + b.value)
    if a.change is None or b.change is None:
        only = b.change if a.change is None else a.change
        return Dual(y, None if only is None else spread(only, y.shape))
    return Dual(y, as_objects(a.change + b.change))


def subtract(a: Dual, b: Dual) -> Dual:
    return add(a, b.each(np.negative))


def multiply(a: Dual, b: Dual) -> Dual:
    return Dual(as_objects(a.value * b.value), both((a.change, b.value), (b.change, a.value)))


def divide(a: Dual, b: Dual) -> Dual:
    q = as_objects(a.value / b.value)
    if b.change is None:
        return Dual(q, None if a.change is None else as_objects(a.change / b.value))
    rest = -q * b.change if a.change is None else a.change - q * b.change
    return Dual(q, as_objects(rest / b.value))


def power(a: Dual, b: Dual) -> Dual:
    y = as_objects(a.value**b.value)
    by_base = None if a.change is None else (a.change, as_objects(_in_base(a.value, b.value)))
    if is_still(b.change):  # whatever the base is: that of a negative one has no logarithm
        return Dual(y, None if by_base is None and b.change is None else both(by_base or (b.change, y)))
    return Dual(y, both(by_base, (b.change, y * log(a.value))))


def both(*parts: tuple[np.ndarray | None, np.ndarray] | None) -> np.ndarray | None:
    """Return the sum of changes, each times its slope."""
    terms = [as_objects(part[0] * part[1]) for part in parts if part is not None and part[0] is not None]
    if len(terms) == 2:
        return as_objects(terms[0] + terms[1])
    return terms[0] if terms else None


def smooth_in_two(function: Callable, slopes: Callable) -> Rule:
    """Return the rule for y = f(a, b); `slopes(a, b, y)` returns both derivatives."""
    called = np.frompyfunc(function, 2, 1)

    def rule(a: Dual, b: Dual) -> Dual:
        y = as_objects(called(a.value, b.value))
        if a.change is None and b.change is None:
            return Dual(y)
        by_a, by_b = slopes(a.value, b.value, y)
        change = both((a.change, by_a), (b.change, by_b))
        return Dual(y, None if change is None else spread(change, y.shape))

    return rule


def _log_sum(a: arb, b: arb) -> arb:
    top, other = (a, b) if a.mid() > b.mid() else (b, a)
    return top + (other - top).exp().log1p()


_in_base = np.frompyfunc(lambda x, n: n if n.is_zero() else n * x ** (n - 1), 2, 1)

TWO: dict[str, Rule] = {
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "divide": divide,
    "power": power,
    "float_power": power,
    "arctan2": smooth_in_two(arb.atan2, lambda a, b, y: (b / (a * a + b * b), -a / (a * a + b * b))),
    "hypot": smooth_in_two(lambda a, b: (a * a + b * b).sqrt(), lambda a, b, y: (a / y, b / y)),
    "logaddexp": smooth_in_two(_log_sum, lambda a, b, y: (exp(a - y), exp(b - y))),
    "xlogy": smooth_in_two(lambda a, b: a if a.is_zero() else a * b.log(), lambda a, b, y: (log(b), a / b)),
}
