"""Layers that a page calls: any derivative forward, and the pullback that takes its place on the way back."""

from equations.atoms import Unprovable
from equations.terms import add, atom, free, scaled
from equations.tree import Symbol, Tuple


class Wrong(Exception):
    """Something is left where nothing must be."""

    def __init__(self, words, left):
        super().__init__(words)
        self.left = left


class Calls:
    """The part of a proof that is about calls: what was called, and what is given to its pullback."""

    def layer(self, call):
        """Is this a layer, and not a function of one number?"""
        return "of one number" not in self.entries[call.name].meaning

    def call(self, names, call):
        """A layer: its outputs are new atoms, which may move in any way."""
        arguments = []
        for argument in call.arguments:
            if isinstance(argument, Symbol) and not self.movable(argument.name):
                continue
            arguments.append(self.meaning.mean_of(argument))
        outputs = []
        for name in names:
            self.versions += 1
            fresh = f"{name}:{self.versions}"
            axes = self.meaning.axes(name)
            letters = tuple(self.meaning.spread(axes))
            self.meaning.moving.add(fresh)
            self.meaning.defined[name, ""] = (letters, atom(fresh, letters))
            self.meaning.hidden.pop(name, None)
            outputs.append((fresh, letters))
        self.calls.append((call.name, arguments, outputs))

    def movable(self, name):
        """May this argument have a gradient?"""
        entry = self.page.shapes.entry(name)
        return entry is not None and not entry.constant and entry.axes is not None and (
            entry.differentiable or self.known(name)
        )

    def letters(self, value, name):
        """The free letters of an argument in the order of the axes that its gradient has."""
        found, made = free(value), []
        for axis in self.meaning.axes(name):
            own = [x for x in found if x[0] == axis and x not in made]
            if not own:
                raise Unprovable(f"{name} has an axis {axis}, and what it is the gradient of has none")
            made.append(own[0])
        return tuple(made)

    def pull(self, left, call):
        """The pullback of the last call of a layer that has not been pulled."""
        place = next((k for k in reversed(range(len(self.calls))) if self.calls[k][0] == call.name), None)
        if place is None:
            raise Unprovable(f"{call.name} is not called forward")
        _, arguments, outputs = self.calls.pop(place)
        m, expected = self.meaning, {}
        for (fresh, letters), argument in zip(outputs, call.arguments, strict=False):
            dual = m.mean_of(argument)
            expected = add(expected, m.summed(m.product(dual, atom(f"δ{fresh}", letters)), letters))
        names = {f"δ{fresh}" for fresh, _ in outputs}
        here = {mono: c for mono, c in self.left.items() if any(a[0] in names for a in mono[0])}
        rest = m.normal(add(here, scaled(expected, -1)))
        if rest:
            raise Wrong(f"the pullback of {call.name} must be given the cotangent of its output", rest)
        self.left = add(self.left, scaled(here, -1))
        made = [item.name for item in (left.items if isinstance(left, Tuple) else (left,))]
        made = [name for name in made if name.rstrip("'") not in (f"d{call.name}", f"d_{call.name}")]
        for name, value in zip(made, arguments, strict=False):
            letters = self.letters(value, name)
            self.versions += 1
            fresh = f"{name}:{self.versions}"
            m.defined[name, ""] = (letters, atom(fresh, letters))
            change = m.change(value)
            self.left = add(self.left, m.summed(m.product(atom(fresh, letters), change), letters))
