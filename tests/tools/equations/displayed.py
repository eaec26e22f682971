"""The equations of a page as a program that runs on numbers which it is given, in dual numbers over balls.

A second way to the same end as the normal form, with nothing in common but the parser: <dy, change of y> and
sum <dx, change of x> are two balls at a random rational point.
"""

import random
from fractions import Fraction

import numpy as np
from equations.duals import Balls, Dual, dual
from equations.evaluate import Evaluator
from equations.labelled import Labelled, Unevaluated
from flint import arb

RADIUS = 1e-60


class Displayed:
    """What the symbols of a page stand for, as its equations run."""

    def __init__(self, page, lengths, seed):
        self.page, self.lengths, self.random = page, dict(lengths), random.Random(seed)
        self.numbers, self.known = Balls(), {}

    def rational(self):
        return Fraction(self.random.randint(-300, 300) or 1, 97)

    def axes(self, name):
        return tuple(axis for axis in self.page.shapes.entry(name).axes if axis != "1")

    def shape(self, name):
        evaluator = self.evaluator()
        return tuple(self.lengths["..."] if axis == "..." else evaluator.length(axis) for axis in self.axes(name))

    def evaluator(self):
        return Evaluator(self.page.shapes, self.lengths, self.known.get, self.numbers)

    def give(self, name, values=None, moves=False):
        """Let a symbol be these numbers, or random ones; if it moves, with a random change."""
        shape = self.shape(name)
        made = np.empty(shape, object)
        for at in np.ndindex(shape):
            given = self.rational() if values is None else np.broadcast_to(np.asarray(values, object), shape)[at]
            made[at] = Dual(given, self.rational()) if moves else dual(given)
        self.set(name, made)
        return made

    def set(self, name, values):
        axes = self.axes(name)
        labels = tuple(axis + "'" * axes[:k].count(axis) for k, axis in enumerate(axes))
        self.known[name] = Labelled(np.asarray(values, object), labels)

    def run(self, *ids):
        """Run equations in this order."""
        for id in ids:
            for clause in self.page.equations[id].clauses:
                self.clause(clause.sides[0], clause.sides[1])

    def clause(self, left, right):
        evaluator = self.evaluator()
        said = evaluator.evaluate(right)
        axes = self.axes(left.name)
        names = list(axes)
        if left.indices:
            places = evaluator.places(left, Labelled(np.empty([1] * len(axes), object), axes))
            for index, place in zip(left.indices, places, strict=True):
                names[place] = index.name
        if set(said.labels) - set(names):
            raise Unevaluated(f"{left.name}: the right has axes {said.labels}, the left {tuple(names)}")
        self.set(left.name, np.broadcast_to(self.numbers.array(said.over(names).values), self.shape(left.name)).copy())

    def values(self, name):
        return self.known[name].values


def paired(one, two):
    """The inner product of the values of two arrays of dual numbers."""
    return sum((x.a * y.a for x, y in zip(one.ravel(), two.ravel(), strict=True)), arb(0))


def changed(dual_values, moved):
    """The inner product of values with the changes of others."""
    return sum((x.a * y.b for x, y in zip(dual_values.ravel(), moved.ravel(), strict=True)), arb(0))


def agree(one, two):
    """Are two balls of a radius below 1e-60 one number?"""
    small = max(float(one.rad()), float(two.rad())) < RADIUS
    return small and one.overlaps(two)
