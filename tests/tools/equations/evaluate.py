"""A tree to an array over the letters that are free in it."""

import operator

import numpy as np
from equations import notation
from equations.labelled import Labelled, Unevaluated, together
from equations.tree import Symbol

SIGNS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Evaluator:
    """Evaluates the trees of a page.

    `resolve` gives the array of a symbol over its axes, or None; `lengths` those of the axes; `called` the values of a
    function of the page, or of its derivative, on an array.
    """

    def __init__(self, shapes, lengths, resolve, numbers, called=None):
        self.shapes, self.lengths, self.resolve, self.numbers = shapes, lengths, resolve, numbers
        self.called = called

    def length(self, axis):
        """The length of an axis: its own, or that of an expression such as K/2."""
        if axis not in self.lengths:
            if axis == "...":
                raise Unevaluated("no array shows how many rows there are")
            made = self.evaluate(notation.expression(axis))
            self.lengths[axis] = int(float(made.values))
        return self.lengths[axis]

    def evaluate(self, tree):
        return getattr(self, type(tree).__name__.lower())(tree)

    def number(self, tree):
        return Labelled(self.numbers.number(tree.value))

    def symbol(self, tree):
        if tree.name in self.shapes.letters and not tree.indices:
            return Labelled(self.numbers.array(np.arange(self.length(self.shapes.letters[tree.name]))), (tree.name,))
        found = self.resolve(tree.name)
        if found is None and not tree.indices:
            if tree.name == "pi":
                return Labelled(np.asarray(self.numbers.pi))
            if tree.name in self.lengths:
                return Labelled(self.numbers.array(self.lengths[tree.name]))
        if found is None:
            raise Unevaluated(f"{tree.name} has no value")
        return found if not tree.indices else self.indexed(tree, found)

    def indexed(self, tree, found):
        """Entries of an array: a letter that runs over a whole axis names it, any other index picks."""
        axes = self.places(tree, found)
        kept = [k for k in range(found.values.ndim) if k not in axes]
        values = found.values.transpose(kept + axes)
        labels = tuple(found.labels[k] for k in kept)
        letters = [self.whole(index, found.values.shape[axis]) for index, axis in zip(tree.indices, axes, strict=True)]
        if all(letters) and len(set(letters)) == len(letters):
            return Labelled(values, labels + tuple(letters))
        picked, names = together(*(self.evaluate(index) for index in tree.indices))
        if set(names) & set(labels):
            raise Unevaluated(f"an index of {tree.name} goes along {labels}, which must be written out")
        shape = np.broadcast_shapes(*(array.values.shape for array in picked))
        where = [np.broadcast_to(self.numbers.integers(array.values), shape) for array in picked]
        for at, n in zip(where, values.shape[len(kept) :], strict=True):
            if at.size and not 0 <= at.min() <= at.max() < n:
                raise Unevaluated(f"an index of {tree.name} lies outside its axis of {n}")
        return Labelled(values[(slice(None),) * len(kept) + tuple(where)], labels + names)

    def places(self, tree, found):
        """The axis of each index, in order: the last ones, or those that have the names of its letters."""
        count, last = len(tree.indices), found.values.ndim - len(tree.indices)
        if last < 0:
            raise Unevaluated(f"{tree.name} has {found.values.ndim} axes, not {count}")
        names = [self.shapes.letters.get(index.name) if isinstance(index, Symbol) else None for index in tree.indices]
        axes = [label.rstrip("'") for label in found.labels]
        trailing = list(range(last, len(axes)))
        if all(name in (None, axes[k]) or name not in axes for name, k in zip(names, trailing, strict=True)):
            return trailing
        chosen = []
        for name in names:
            free = [k for k, axis in enumerate(axes) if axis == name and k > max(chosen, default=-1)]
            if not free:
                raise Unevaluated(f"{tree.name} has the axes {', '.join(axes)}, no index over {name} comes there")
            chosen.append(free[0])
        return chosen

    def whole(self, index, length):
        """The letter that an index is, if it runs over all of an axis."""
        letter = isinstance(index, Symbol) and not index.indices and self.shapes.letters.get(index.name)
        return index.name if letter and self.length(letter) == length else None

    def sum(self, tree):
        arrays, labels = together(*map(self.evaluate, tree.terms))
        values, scale = arrays[0].values, arrays[0].size
        for array in arrays[1:]:
            values = values + array.values
            scale = None if scale is None else scale + array.size
        return Labelled(values, labels, scale)

    def product(self, tree):
        arrays, labels = together(*map(self.evaluate, tree.factors))
        values, scale = arrays[0].values, arrays[0].size
        for array in arrays[1:]:
            values = values * array.values
            scale = None if scale is None else scale * array.size
        return Labelled(values, labels, scale)

    def quotient(self, tree):
        (above, below), labels = together(self.evaluate(tree.above), self.evaluate(tree.below))
        scale = above.size
        if scale is not None:
            scale = scale / np.where(below.values == 0, 1, np.abs(below.values))
        return Labelled(above.values / below.values, labels, scale)

    def modulo(self, tree):
        (above, below), labels = together(self.evaluate(tree.above), self.evaluate(tree.below))
        return Labelled(above.values % below.values, labels)

    def power(self, tree):
        (base, exponent), labels = together(self.evaluate(tree.base), self.evaluate(tree.exponent))
        return Labelled(self.numbers.power(base.values, exponent.values), labels)

    def function(self, tree):
        arguments, labels = together(*map(self.evaluate, tree.arguments))
        values = arguments[0].values
        if tree.name == "max":
            for array in arguments[1:]:
                values = np.maximum(values, array.values)
            return Labelled(values, labels)
        return Labelled(np.asarray(self.numbers.function(tree.name, values)), labels)

    def over(self, tree):
        body = self.evaluate(tree.body)
        if tree.condition is not None:
            (body, holds), labels = together(body, self.evaluate(tree.condition))
            values = np.where(holds.values, body.values, self.numbers.number(0))
            scale = None if body.size is None else np.broadcast_to(body.size, values.shape)
            body = Labelled(values, labels, scale)
        missing = [letter for letter in tree.letters if letter not in body.labels]
        if missing:
            raise Unevaluated(f"nothing to add up over {missing[0]}")
        axes = tuple(body.labels.index(letter) for letter in tree.letters)
        labels = tuple(label for label in body.labels if label not in tree.letters)
        if tree.operation == "argmax":
            (axis,) = axes
            return Labelled(self.numbers.array(body.values.argmax(axis=axis)), labels)
        if tree.operation == "max":
            return Labelled(np.asarray(body.values.max(axis=axes)), labels)
        scale = None if body.size is None else np.asarray(body.size.sum(axis=axes))
        return Labelled(np.asarray(body.values.sum(axis=axes)), labels, scale)

    def mean(self, tree):
        body = self.evaluate(tree.body)
        along = [label for label in body.labels if label in self.lengths and label.isupper()]
        if len(along) != 1:
            raise Unevaluated(f"a mean must have one axis to be over, got {along}")
        axis, n = body.labels.index(along[0]), self.numbers.number(self.lengths[along[0]])
        labels = tuple(label for label in body.labels if label != along[0])
        scale = None if body.size is None else np.asarray(body.size.sum(axis=axis)) / n
        return Labelled(np.asarray(body.values.sum(axis=axis)) / n, labels, scale)

    def cases(self, tree):
        made = None
        for value, condition in reversed(tree.rows):
            value = self.evaluate(value)
            if made is None and condition is None:
                made = value
                continue
            made = Labelled(self.numbers.array(np.nan)) if made is None else made
            (holds, value, other), labels = together(self.evaluate(condition), value, made)
            scale = None if value.size is None else np.where(holds.values, value.size, other.size)
            made = Labelled(np.where(holds.values, value.values, other.values), labels, scale)
        return made

    def bracket(self, tree):
        holds = self.evaluate(tree.condition)
        return Labelled(np.where(holds.values, self.numbers.number(1), self.numbers.number(0)), holds.labels)

    def relation(self, tree):
        (left, right), labels = together(self.evaluate(tree.left), self.evaluate(tree.right))
        return Labelled(np.asarray(SIGNS[tree.sign](left.values, right.values), bool), labels)

    def both(self, tree):
        arrays, labels = together(*map(self.evaluate, tree.conditions))
        values = arrays[0].values.astype(bool)
        for array in arrays[1:]:
            values = values & array.values.astype(bool)
        return Labelled(values, labels)

    def call(self, tree):
        if self.called is None or len(tree.arguments) != 1:
            raise Unevaluated(f"{tree.name} is a function of another page")
        argument = self.evaluate(tree.arguments[0])
        return Labelled(self.called(tree.name, tree.mark, argument.values), argument.labels)

    def tuple(self, tree):
        raise Unevaluated("several things at once")
