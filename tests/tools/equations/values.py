"""Where the symbols of an equation get their values: what the cited line saw, and before that what other lines made."""

import ast
import copy
from functools import cache

import numpy as np
from equations.labelled import Unevaluated, fitted
from equations.tree import Symbol


class Values:
    """The names that one run of a cited line saw, as the symbols of its page."""

    def __init__(self, page, event, subject, module, known):
        self.page, self.event, self.module, self.known = page, event, module, known
        self.owner = event.before.get("self", subject)
        self.lengths = self.axes()

    def frozen(self):
        """The same with what is known now."""
        made = copy.copy(self)
        made.known = copy.copy(self.known)
        made.known.made, made.lengths = dict(self.known.made), dict(self.lengths)
        return made

    def axes(self):
        """The length of each axis: where an input of the example has it, that; else where this line sees it."""
        lengths = dict(self.known.lengths)
        for entry in self.page.shapes.entries.values():
            if entry.axes:
                for names in (self.event.before, self.event.after):
                    value = self.python(entry.code, names)
                    own = measured(value, entry.axes, lengths, self.known.ones)
                    if entry.differentiable and own:
                        self.known.lengths |= own
                    lengths |= own
        for axis, n in self.known.last.items():
            lengths.setdefault(axis, n)  # of a line before
        self.known.last = dict(lengths)
        return lengths

    def expressions(self, length):
        """The lengths of axes such as K/2 or H - n, and of those that serve every position."""
        for entry in self.page.shapes.entries.values():
            for axis in entry.axes or ():
                if axis not in ("...", "1") and axis not in self.lengths:
                    try:
                        self.lengths[axis] = length(axis)
                    except Unevaluated:
                        if len(axis) == 1 and axis.isupper() and axis in self.known.ones:
                            self.lengths[axis] = 1

    def python(self, code, names):
        """The value of an expression of the code, or None."""
        used = {name: names[name] for name in names_of(code) & names.keys()}
        for name, value in used.items():
            if isinstance(value, np.random.Generator):
                used[name] = copy.deepcopy(value)  # drawn from once, as the line does
        try:
            return eval(compiled(code), {**vars(self.module), "np": np, "self": names.get("self", self.owner), **used})
        except Exception:  # any: what is not there has no value
            return None

    def resolve(self, name):
        """The array of a symbol: what the line sees under its name, or what one made before that this one does not see.

        Where the code has one name for two symbols, the other way round.
        """
        entry = self.page.shapes.entry(name)
        if entry is None or entry.axes is None:
            return None
        made = self.known.made.get(name)
        for value in (made, self.seen(entry)) if self.shared(entry) else (self.seen(entry), made):
            found = None if value is None else fitted(value, entry.axes, self.lengths)
            if found is not None:
                return found
        return None

    def seen(self, entry):
        """What stands under the name of a symbol where the line starts, or where it ends; 0 for what may be absent."""
        if entry.code:
            own = entry.name in self.made()  # what the line makes is not there before it
            for names in (self.event.before,) if own else (self.event.before, self.event.after):
                value = self.python(entry.code, names)
                if value is not None and fitted(value, entry.axes, self.lengths) is not None:
                    return value
            owner = entry.code.rpartition(".")[0]
            if entry.optional and (not owner or self.python(owner, self.event.before) is not None):
                return 0.0
        return None

    def made(self):
        """The symbols that the line makes."""
        tree = self.page.equations.get(self.event.id)
        lefts = [clause.sides[0] for clause in tree.clauses] if tree else []
        return {item.name for left in lefts for item in getattr(left, "items", (left,)) if isinstance(item, Symbol)}

    def shared(self, entry):
        """Does the code have one name for this symbol and for another?"""
        return (entry.code, entry.axes) in self.page.shapes.shared

    def left(self, name, place, clauses):
        """What the cited line gave to the symbol on the left, over its axes; None if it gave nothing."""
        entry = self.page.shapes.entry(name)
        if entry is None or entry.axes is None or not entry.code:
            return None
        for value in self.written(entry, place, clauses):
            found = None if value is None else fitted(value, entry.axes, self.lengths)
            if found is not None:
                return found
        return None

    def written(self, entry, place, clauses):
        """What it may be: under a name that the line writes to, a part of what it returns, or all of that."""
        event, value = self.event, self.event.value
        parts = value if isinstance(value, tuple) else (value,)
        if {name for target in event.targets for name in names_of(target)} & names_of(entry.code):
            yield self.python(entry.code, event.after)
        for item in parts:
            if not event.targets and "." in entry.code:
                yield getattr(item, entry.code.rpartition(".")[2], None)
        if len(parts) > place and clauses > 1:
            yield parts[place]
        if clauses == 1:
            yield from reversed(parts)
            yield from (event.after.get(target) for target in event.targets)

    def empty(self):
        """Has this line made an empty list: nothing, for none of several inputs?"""
        return isinstance(self.event.value, list | tuple | dict) and not len(self.event.value)

    def remember(self):
        """Keep what this line saw and made under the names of symbols, for lines that do not see it."""
        for name in self.page.shapes.entries:
            for symbol in (name, f"d{name}"):
                entry = self.page.shapes.entry(symbol)
                if entry.axes is not None and not self.shared(entry):
                    value = self.seen(entry)
                    found = None if value is None else fitted(value, entry.axes, self.lengths)
                    if found is not None:
                        self.known.made[symbol] = found.values


class Known:
    """What is known of one example as its lines run: lengths of axes, and arrays by symbol."""

    def __init__(self):
        self.lengths, self.last, self.made, self.ones = {}, {}, {}, set()


@cache
def compiled(code):
    return compile(code, "<Shapes>", "eval")


@cache
def names_of(code):
    """The names in an expression of the code; none in what is no expression, such as the gradient of a constant."""
    try:
        return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)} - {"np", "self"}
    except SyntaxError:
        return set()


def measured(value, axes, lengths, ones):
    """The lengths of axes that an array shows and that are not known yet; 1 may be an axis that is spread out."""
    if not isinstance(value, np.ndarray) or value.dtype == object:
        return {}
    core = [axis for axis in axes if axis != "..."]
    if value.ndim < len(core) or ("..." not in axes and value.ndim != len(axes)):
        return {}
    head = axes.index("...") if "..." in axes else len(axes)
    tail = len(axes) - head - 1
    pairs = list(zip(axes[:head], value.shape, strict=False))
    pairs += list(zip(axes[len(axes) - tail :], value.shape[value.ndim - tail :], strict=True)) if tail > 0 else []
    found = {}
    for axis, n in pairs:
        if axis.isalpha() and len(axis) == 1 and n != 1:
            if lengths.get(axis, n) != n or found.get(axis, n) != n:
                return {}
            found[axis] = n
        elif n == 1:
            ones.add(axis)
    if "..." in axes and "..." not in lengths:
        found["..."] = int(np.prod(value.shape[head : value.ndim - max(tail, 0)]))
    return {axis: n for axis, n in found.items() if axis not in lengths}
