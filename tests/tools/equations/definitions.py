"""Symbols of a page as polynomials: with letters at their axes, and replaced by what the page says that they are."""

from fractions import Fraction

from equations.atoms import Unprovable
from equations.functions import Functions
from equations.terms import atom, free, renamed
from equations.tree import Number, Quotient, Sum, Symbol


class Definitions(Functions):
    """The definitions of a page, one after another."""

    def __init__(self, shapes, inputs):
        super().__init__()
        self.shapes, self.defined, self.hidden, self.letters = shapes, {}, {}, shapes.letters
        self.moving |= set(inputs)
        self.lengths = {axis for entry in shapes.entries.values() for axis in entry.axes or ()}
        self.positives |= {name for name, entry in shapes.entries.items() if "power of two" in entry.meaning}

    def axes(self, name):
        entry = self.shapes.entry(name)
        if entry is None or entry.axes is None:
            return None
        return tuple(axis for axis in entry.axes if axis != "1")

    def places(self, axes, tree):
        """The axis of each index: the last ones, or those that have the names of its letters."""
        names = [self.letters.get(i.name) if isinstance(i, Symbol) and not i.indices else None for i in tree.indices]
        last = len(axes) - len(names)
        if last < 0:
            raise Unprovable(f"{tree.name} has {len(axes)} axes, not {len(names)}")
        trailing = list(range(last, len(axes)))
        if all(name in (None, axes[k]) or name not in axes for name, k in zip(names, trailing, strict=True)):
            return trailing
        chosen = []
        for name in names:
            later = [k for k, axis in enumerate(axes) if axis == name and k > max(chosen, default=-1)]
            if not later:
                raise Unprovable(f"{tree.name} has no axis for an index over {name}")
            chosen.append(later[0])
        return chosen

    def spread(self, axes):
        """Letters for axes that are carried along."""
        return [(axis, "*" + "'" * axes[:k].count(axis)) for k, axis in enumerate(axes)]

    def symbol(self, tree):
        if tree.name in self.letters and not tree.indices:
            return atom("index", ((self.letters[tree.name], tree.name),))
        axes = self.axes(tree.name)
        if not tree.indices and (axes is None or tree.name in self.lengths):
            return atom("pi" if tree.name == "pi" else f"|{tree.name}|")
        if axes is None:
            raise Unprovable(f"{tree.name} does not stand under Shapes")
        letters, picks, part = self.spread(axes), [], ""
        for index, k in zip(tree.indices, self.places(axes, tree), strict=True):
            letters[k], pick, piece = self.index(index, axes[k])
            picks += [pick] if pick else []
            part += piece
        value = self.value(tree.name, part, tuple(letters))
        bound = [x for x in letters if isinstance(x[1], int)]
        return self.bound(self.product(value, *picks), bound) if picks else value

    def bound(self, polynomial, letters):
        """Sum over letters that are fresh already."""
        return self.normal({(atoms, inner | frozenset(letters)): c for (atoms, inner), c in polynomial.items()})

    def index(self, index, axis):
        """The letter at an axis; where a map picks it, a letter to sum over and the pick; where it is a half, which."""
        if isinstance(index, Symbol) and not index.indices and index.name in self.letters:
            own = self.letters[index.name]
            if own == axis:
                return (axis, index.name), None, ""
            if own == f"{axis}/2":
                return (own, index.name), None, "<"
        half = self.half(index, axis)
        if half:
            return half, None, ">"
        target = self.fresh(axis)
        return target, self.pick(index, target), ""

    def half(self, index, axis):
        """The letter of i + K/2: the second half of an axis."""
        second = Quotient(Symbol(axis), Number(Fraction(2)))
        if isinstance(index, Sum) and index.terms[1:] == (second,):
            first = index.terms[0]
            if isinstance(first, Symbol) and self.letters.get(first.name) == f"{axis}/2":
                return self.letters[first.name], first.name
        return None

    def pick(self, index, target):
        """1 where a map has the value of the letter `target`."""
        if isinstance(index, Symbol) and not index.indices and index.name in self.letters:
            pair = sorted([(self.letters[index.name], index.name), target], key=repr)
            self.indicators.add("same")
            return atom("same", pair)
        for symbol in symbols_in(index):
            if symbol.name not in self.letters and len(symbol.indices) != len(self.axes(symbol.name) or ()):
                raise Unprovable(f"an index must be written out, got {symbol.name} with {len(symbol.indices)}")
        names = []
        key = shape_of(index, self.letters, names)
        name = f"pick {key}"
        self.maps.add(name)
        return atom(name, (*((self.letters[letter], letter) for letter in names), target))

    def value(self, name, part, letters):
        if (name, part) in self.defined:
            own, polynomial = self.defined[name, part]
            by = dict(zip(own, letters, strict=True))
            return self.normal({renamed(self.apart(m), by): c for m, c in polynomial.items()})
        return atom(name + part, letters)

    def define(self, left, polynomial):
        """Let a symbol, with letters for all of its axes, be a polynomial."""
        axes = self.axes(left.name)
        if axes is None:
            raise Unprovable(f"{left.name} does not stand under Shapes")
        letters, part, picks = self.spread(axes), "", []
        for index, k in zip(left.indices, self.places(axes, left), strict=True):
            letters[k], pick, piece = self.index(index, axes[k])
            picks += [pick] if pick else []
            part += piece
        if picks:  # written at places that maps pick, all of them different, and 0 elsewhere
            polynomial = self.product(polynomial, *picks)
            own = {x for pick in picks for x in free(pick)} - set(letters)
            by = {x: (x[0], f"@{k}") for k, x in enumerate(letters)}
            polynomial = self.summed({renamed(m, by): c for m, c in polynomial.items()}, own)
            letters = [by[x] for x in letters]
        other = [letter for letter in free(polynomial) if letter not in letters]
        if other:
            raise Unprovable(f"{left.name}: the right has an index over {other[0][0]} that the left has not")
        self.defined[left.name, part] = (tuple(letters), polynomial)
        return tuple(letters), part


def shape_of(tree, letters, names):
    """An expression with its letters numbered by where they first stand; the letters go into `names`."""
    if isinstance(tree, Symbol):
        if tree.name in letters and not tree.indices:
            if tree.name not in names:
                names.append(tree.name)
            return f"{letters[tree.name]}{names.index(tree.name)}"
        inner = ",".join(shape_of(index, letters, names) for index in tree.indices)
        return f"{tree.name}[{inner}]"
    if isinstance(tree, Number):
        return str(tree.value)
    parts = [shape_of(value, letters, names) for value in parts_of(tree)]
    return f"{type(tree).__name__}({', '.join(parts)})"


def symbols_in(tree):
    """All symbols within an expression."""
    if isinstance(tree, Symbol):
        yield tree
    for part in parts_of(tree):
        if hasattr(part, "__dataclass_fields__"):
            yield from symbols_in(part)


def parts_of(tree):
    for value in vars(tree).values():
        yield from value if isinstance(value, tuple) else (value,)
