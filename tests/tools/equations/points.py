"""A polynomial at a point: atoms that are given get numbers, functions are computed in balls of 300 bits.

What is left of a difference is 0 or it is not.  A ball that does not hold 0 refutes, and says at which small integers.
One that does, of a radius below 1e-60 and at several random points, is no proof for all: it leaves accidents alone.
"""

import itertools
import random
from fractions import Fraction

from equations.terms import free
from flint import arb, ctx, fmpq

RADIUS = 1e-60
PRECISION = 300


class Unclear(Exception):
    """A ball that is too wide to say anything, or a function that has no value here."""


def ball(value):
    value = Fraction(value)
    return arb(fmpq(value.numerator, value.denominator))


class Point:
    """Numbers for everything that is given, drawn as they are asked for."""

    def __init__(self, algebra, seed, integers):
        self.algebra, self.integers = algebra, integers
        self.random = random.Random(seed)
        self.given, self.lengths, self.known = {}, {}, {}
        ctx.prec = PRECISION

    def length(self, axis):
        if axis not in self.lengths:
            self.lengths[axis] = 3 if len(self.lengths) == 1 else 2
        return self.lengths[axis]

    def draw(self, name, key):
        """The number of an atom that is given."""
        if (name, key) not in self.given:
            if name in self.algebra.indicators:
                value = self.random.randint(0, 1)
            elif not key and not name.startswith("δ"):
                value = self.number(1, 3)  # a constant such as a cap, which is positive
            else:
                value = self.number(-3, 3)
            self.given[name, key] = value
        return ball(self.given[name, key])

    def number(self, low, high):
        if self.integers:
            return self.random.randint(low, high)
        return Fraction(self.random.randint(low * 97, high * 97) or 1, 97)

    def value(self, polynomial, at=()):
        """The value of a polynomial, with its free letters at the places `at`."""
        at, total = dict(at), arb(0)
        for (atoms, bound), c in polynomial.items():
            letters = sorted(bound, key=repr)
            for places in itertools.product(*(range(self.length(x[0])) for x in letters)):
                here = at | dict(zip(letters, places, strict=True))
                term = ball(c)
                for name, indices, e in atoms:
                    term *= self.power(self.atom(name, tuple(here[x] for x in indices), indices), e)
                    if term == 0:
                        break
                total += term
        return total

    @staticmethod
    def power(base, exponent):
        if exponent.denominator == 1:
            if exponent < 0 and base.contains(0):
                raise Unclear("a denominator may be 0")
            return base ** int(exponent)
        if not base > 0:
            raise Unclear("a root of what may not be positive")
        return base ** ball(exponent)

    def atom(self, name, places, letters):
        if isinstance(name, int):
            return arb(name)
        if name == "pi":
            return arb.pi()
        if name == "index":
            return arb(places[0])
        if name == "same":
            return arb(places[0] == places[1])
        if name.startswith("|") and name.endswith("|"):
            return arb(self.length(name[1:-1]))
        if name in self.algebra.maps:
            if (name, places[:-1]) not in self.given:
                self.given[name, places[:-1]] = self.random.randrange(self.length(letters[-1][0]))
            return arb(self.given[name, places[:-1]] == places[-1])
        if name.startswith("δmax"):
            return self.largest(name[1:], places, change=True)
        if name not in self.algebra.opaque:
            return self.draw(name, places)
        if (name, places) not in self.known:
            self.known[name, places] = self.function(name, places)
        return self.known[name, places]

    def function(self, name, places):
        found = self.algebra.opaque[name]
        if found.kind == "max":
            return self.largest(name, places, change=False)
        inside = self.value(found.inside, zip(found.letters, places, strict=True))
        return FUNCTIONS[found.kind.partition("_")[0]](self, found.kind, inside)

    def largest(self, name, places, change):
        """The largest value along the letters of a maximum, or how it changes."""
        found = self.algebra.opaque[name]
        at = dict(zip(found.letters, places, strict=True))
        letters = sorted({x for _, bound in found.inside for x in bound}, key=repr)
        plain = {(atoms, frozenset()): c for (atoms, _), c in found.inside.items()}
        best = None
        for choice in itertools.product(*(range(self.length(x[0])) for x in letters)):
            here = at | dict(zip(letters, choice, strict=True))
            value = self.value(plain, here)
            if best is None or value > best[0]:
                best = value, here
        return self.value(self.algebra.change(plain), best[1]) if change else best[0]


def decided(test):
    def function(point, kind, x):
        if not x.is_exact() and x.contains(0):
            raise Unclear("a condition is not decided")
        return arb(bool(test(x)))

    return function


FUNCTIONS = {
    "power": lambda point, kind, x: x,
    "exp": lambda point, kind, x: x.exp(),
    "tanh": lambda point, kind, x: x.tanh(),
    "erfc": lambda point, kind, x: x.erfc(),
    "erf": lambda point, kind, x: x.erf(),
    "cos": lambda point, kind, x: x.cos(),
    "sin": lambda point, kind, x: x.sin(),
    "log": lambda point, kind, x: logarithm(x),
    "floor": lambda point, kind, x: x.floor(),
    "log2": lambda point, kind, x: logarithm(x) / arb(2).log(),
    "exponential": lambda point, kind, x: x,
    "positive": decided(lambda x: x > 0),
    "zero": decided(lambda x: x == 0),
    "finite": lambda point, kind, x: arb(1),
    "call": lambda point, kind, x: 2 * x + 1 if kind.endswith("'") else x * x + x,  # some function of one number
}


def logarithm(x):
    if not x > 0:
        raise Unclear("a logarithm of what may not be positive")
    return x.log()


def counterexample(algebra, left, seeds=range(20)):
    """Small integers at which a polynomial is not 0, in words; None where none was found."""
    for seed in seeds:
        point = Point(algebra, seed, integers=True)
        try:
            value = point.value(left)
        except Unclear:
            continue
        if not value.contains(0):
            return f"the two sides differ by {value.str(6, radius=False)} at {words(point)}"
    return None


def vanishes(algebra, left, points=5):
    """Is a polynomial 0 within 1e-60 at random rational points, wherever its free letters stand?"""
    seen = 0
    for seed in range(4 * points):
        point = Point(algebra, seed, integers=False)
        letters = free(left)
        try:
            for places in itertools.product(*(range(point.length(x[0])) for x in letters)):
                value = point.value(left, zip(letters, places, strict=True))
                if not value.contains(0) or float(value.rad()) > RADIUS:
                    return False
        except Unclear:
            continue
        seen += 1
        if seen == points:
            return True
    return False


def words(point):
    """The numbers that were drawn for what the page names."""
    found = []
    for (name, key), value in point.given.items():
        place = f"[{', '.join(map(str, key))}]" if isinstance(key, tuple) and key else ""
        plain = str(name).partition(":")[0].removeprefix("pick ")  # the version of a symbol is ours
        found.append(f"{plain}{place} = {value}")
    return ", ".join(found[:12]) + (", ..." if len(found) > 12 else "")
