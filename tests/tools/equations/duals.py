"""Dual numbers over balls: a + b eps with eps^2 = 0, where b is the change of a along one direction."""

from fractions import Fraction

import numpy as np
from flint import arb, ctx, fmpq

PRECISION = 300


def ball(value):
    if isinstance(value, arb):
        return value
    if value is None or value == np.inf:
        return arb("inf")
    value = Fraction(value)
    return arb(fmpq(value.numerator, value.denominator))


def of_numbers(operation):
    """An operation that leaves arrays to NumPy, which does it entry by entry."""
    return lambda self, other: NotImplemented if isinstance(other, np.ndarray) else operation(self, dual(other))


class Dual:
    """A ball and its change."""

    __slots__ = ("a", "b")
    __hash__ = None

    def __init__(self, a, b=0):
        self.a, self.b = ball(a), ball(b)

    @of_numbers
    def __add__(self, other):
        return Dual(self.a + other.a, self.b + other.b)

    def __neg__(self):
        return Dual(-self.a, -self.b)

    @of_numbers
    def __sub__(self, other):
        return self + -other

    @of_numbers
    def __mul__(self, other):
        return Dual(self.a * other.a, product(self.a, other.b) + product(other.a, self.b))

    @of_numbers
    def __truediv__(self, other):
        ratio = self.a / other.a
        return Dual(ratio, (self.b - product(ratio, other.b)) / other.a)

    @of_numbers
    def __mod__(self, other):
        return Dual(whole(self) % whole(other))

    def __float__(self):
        return float(self.a.mid())

    def __lt__(self, other):
        return bool(self.a < dual(other).a)

    def __le__(self, other):
        return bool(self.a <= dual(other).a)

    def __gt__(self, other):
        return bool(self.a > dual(other).a)

    def __ge__(self, other):
        return bool(self.a >= dual(other).a)

    def __eq__(self, other):
        return bool(self.a == dual(other).a)

    __radd__, __rmul__ = __add__, __mul__


def product(x, change):
    """A product with a change: 0 where nothing moves, whatever the factor, also -inf of a hidden score."""
    return arb(0) if change == 0 else x * change


def dual(value):
    return value if isinstance(value, Dual) else Dual(value)


def whole(number):
    return int(number.a.unique_fmpz())


FUNCTIONS = {  # the value and the slope at a ball
    "exp": lambda x: (x.exp(), x.exp()),
    "log": lambda x: (x.log(), 1 / x),
    "tanh": lambda x: (x.tanh(), 1 - x.tanh() ** 2),
    "cos": lambda x: (x.cos(), -x.sin()),
    "sin": lambda x: (x.sin(), x.cos()),
    "sqrt": lambda x: (x.sqrt(), 1 / (2 * x.sqrt())),
    "abs": lambda x: (abs(x), arb(1) if x > 0 else arb(-1)),
    "erfc": lambda x: (x.erfc(), -2 / arb.pi().sqrt() * (-x * x).exp()),
    "floor": lambda x: (x.floor(), arb(0)),
    "log2": lambda x: (x.log() / arb(2).log(), 1 / (x * arb(2).log())),
}


class Balls:
    """The numbers of an evaluation in dual numbers over balls of 300 bits."""

    def __init__(self):
        ctx.prec = PRECISION

    @property
    def pi(self):
        return Dual(arb.pi())

    @staticmethod
    def number(value):
        return np.asarray(Dual(value), dtype=object)

    @staticmethod
    def array(values):
        values = np.asarray(values)
        made = np.empty(values.shape, object)
        for at in np.ndindex(values.shape):
            made[at] = dual(values[at].item() if hasattr(values[at], "item") else values[at])
        return made

    @staticmethod
    def function(name, values):
        def one(x):
            value, slope = FUNCTIONS[name](x.a)
            return Dual(value, product(slope, x.b))

        return np.frompyfunc(one, 1, 1)(values)

    @staticmethod
    def power(base, exponent):
        def one(x, e):
            if e.a.is_exact() and e.a.is_integer():
                n = whole(e)
                return Dual(x.a**n, product(n * x.a ** (n - 1), x.b))
            value = x.a**e.a
            return Dual(value, product(e.a * value / x.a, x.b))

        return np.frompyfunc(one, 2, 1)(base, exponent)

    @staticmethod
    def integers(values):
        return np.frompyfunc(whole, 1, 1)(values).astype(int)
