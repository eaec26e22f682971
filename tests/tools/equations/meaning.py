"""Trees of a page as polynomials: every symbol replaced by its definition, down to what is given."""

from fractions import Fraction

from equations.functions import Functions, Unprovable
from equations.polynomials import ONE, add, atom, constant, free, renamed, scaled
from equations.tree import Number, Power, Product, Quotient, Relation, Sum, Symbol

CONSTANTS = {"floor", "log2"}  # of constants alone


class Infinite(Exception):
    """A value that is not finite: where a score is hidden."""


class Meaning(Functions):
    """The definitions of a page, one after another."""

    def __init__(self, shapes, inputs):
        super().__init__()
        self.shapes, self.defined, self.hidden, self.letters = shapes, {}, {}, shapes.letters
        self.moving |= set(inputs)

    # symbols

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
        if axes is None:
            if tree.indices:
                raise Unprovable(f"{tree.name} does not stand under Shapes")
            return atom("pi" if tree.name == "pi" else f"|{tree.name}|")
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
        self.defined[left.name, part] = (tuple(letters), polynomial)
        return tuple(letters), part

    # expressions

    def mean_of(self, tree):
        return getattr(self, f"of_{type(tree).__name__.lower()}")(tree)

    def of_symbol(self, tree):
        return self.symbol(tree)

    def of_number(self, tree):
        if tree.value is None:
            raise Infinite
        return constant(tree.value)

    def of_sum(self, tree):
        return add(*map(self.mean_of, tree.terms))

    def of_product(self, tree):
        return self.product(*map(self.mean_of, tree.factors))

    def of_quotient(self, tree):
        return self.product(self.mean_of(tree.above), self.inverse(tree.below))

    def inverse(self, tree):
        """One divided by an expression, factor by factor."""
        if isinstance(tree, Product):
            return self.product(*map(self.inverse, tree.factors))
        if isinstance(tree, Power) and isinstance(tree.exponent, Number):
            return self.power(self.mean_of(tree.base), -tree.exponent.value)
        return self.power(self.mean_of(tree), -1)

    def of_power(self, tree):
        exponent = self.mean_of(tree.exponent)
        if not exponent or set(exponent) == {ONE}:
            return self.power(self.mean_of(tree.base), exponent.get(ONE, 0))
        return self.still("exponential", add(self.product(atom("base"), self.mean_of(tree.base)), exponent))

    def still(self, kind, polynomial):
        """A function of constants, of which no more is known."""
        if self.change(polynomial):
            raise Unprovable(f"a derivative of {kind}")
        return self.function(kind, polynomial)

    def of_function(self, tree):
        arguments = tree.arguments
        if tree.name == "max":
            one, two = map(self.mean_of, arguments)
            larger = self.positive(add(one, scaled(two, -1)))
            return add(self.product(larger, one), self.product(add(constant(1), scaled(larger, -1)), two))
        if tree.name == "exp":
            seen = constant(1)
            for symbol in symbols(arguments[0]):
                hidden = self.hidden_at(symbol)
                seen = self.product(seen, add(constant(1), scaled(hidden, -1)))
            return self.product(seen, self.function("exp", self.mean_of(arguments[0])))
        inside = self.mean_of(arguments[0])
        if tree.name == "sqrt":
            return self.power(inside, Fraction(1, 2))
        if tree.name == "abs":
            return self.product(inside, add(scaled(self.positive(inside), 2), constant(-1)))
        return self.still(tree.name, inside) if tree.name in CONSTANTS else self.function(tree.name, inside)

    def hidden_at(self, tree):
        if tree.name not in self.hidden:
            return {}
        kept = self.defined.get((tree.name, ""))
        self.defined[tree.name, ""] = self.hidden[tree.name]
        made = self.symbol(tree)
        if kept is None:
            del self.defined[tree.name, ""]
        else:
            self.defined[tree.name, ""] = kept
        return made

    def of_over(self, tree):
        letters = [(self.letters[letter], letter) for letter in tree.letters]
        body = self.mean_of(tree.body)
        if tree.condition is not None:
            body = self.product(body, self.holds(tree.condition))
        total = self.summed(body, letters)
        return total if tree.operation == "sum" else self.function("max", total)

    def of_mean(self, tree):
        body = self.mean_of(tree.body)
        along = {x for x in {y for m in body for _, i, _ in m[0] for y in i if y not in m[1]} if x[0].isupper()}
        if len(along) != 1:
            raise Unprovable("a mean must have one axis to be over")
        letter, = along
        return self.product(atom(f"|{letter[0]}|", (), -1), self.summed(body, [letter]))

    def of_cases(self, tree):
        rest, made = constant(1), {}
        for value, condition in tree.rows:
            here = rest if condition is None else self.product(rest, self.holds(condition))
            rest = add(rest, scaled(here, -1))
            if here:
                made = add(made, self.product(here, self.mean_of(value)))
        return self.normal(made)

    def hiding(self, tree):
        """Cases of which a value is -inf: the finite values, and where it is hidden."""
        rest, made, hidden = constant(1), {}, {}
        for value, condition in tree.rows:
            here = rest if condition is None else self.product(rest, self.holds(condition))
            rest = add(rest, scaled(here, -1))
            try:
                made = add(made, self.product(here, self.mean_of(value)))
            except Infinite:
                hidden = add(hidden, here)
        return self.normal(made), self.normal(hidden)

    def of_bracket(self, tree):
        return self.holds(tree.condition)

    def of_call(self, tree):
        if len(tree.arguments) != 1 or tree.mark == "*":
            raise Unprovable(f"{tree.name} is a function of another page")
        return self.function(f"call_{tree.name}{tree.mark}", self.mean_of(tree.arguments[0]))

    def of_change(self, tree):
        return self.change(self.mean_of(tree.body))

    # conditions

    def holds(self, tree):
        """1 where a condition holds, else 0."""
        if isinstance(tree, Symbol):
            self.indicators.add(tree.name)
            return self.symbol(tree)
        if not isinstance(tree, Relation):
            return self.product(*map(self.holds, tree.conditions))
        if tree.sign == "=":
            for one, two in ((tree.left, tree.right), (tree.right, tree.left)):
                if isinstance(two, Symbol) and not two.indices and two.name in self.letters:
                    return self.pick(one, (self.letters[two.name], two.name))
            for one, two in ((tree.left, tree.right), (tree.right, tree.left)):
                if isinstance(two, Number) and isinstance(one, Symbol) and one.name in self.letters and not one.indices:
                    return self.pick(two, (self.letters[one.name], one.name))
        try:
            difference = add(self.mean_of(tree.left), scaled(self.mean_of(tree.right), -1))
        except Infinite:
            return self.indicator("finite", self.mean_of(tree.left))
        if tree.sign in ("<", ">="):
            difference = scaled(difference, -1)
        if tree.sign in ("=", "!="):
            equal = self.indicator("zero", difference)
            return equal if tree.sign == "=" else add(constant(1), scaled(equal, -1))
        if tree.sign in (">", "<"):
            return self.positive(difference)
        return add(constant(1), scaled(self.positive(difference), -1))

    def positive(self, polynomial):
        """1 where a polynomial is positive, else 0; a sum of exponentials is, wherever one is not hidden."""
        if polynomial and all(c > 0 and all(self.above(a) for a in m[0]) for m, c in polynomial.items()):
            return constant(1)
        return self.split(polynomial, lambda p: self.positive_one(p))

    def positive_one(self, polynomial):
        if polynomial and all(c > 0 and all(self.above(a) for a in m[0]) for m, c in polynomial.items()):
            return constant(1)
        if not polynomial:
            return {}
        return self.indicator("positive", polynomial)

    def above(self, one):
        """Is this atom positive, whatever its letters?"""
        name = one[0]
        if isinstance(name, int) or name == "pi" or name.startswith("|"):
            return True
        found = self.opaque.get(name)
        if found is None:
            return False
        return found.kind == "exp" or (
            found.kind == "power" and all(c > 0 and all(map(self.above, m[0])) for m, c in found.inside.items())
        )

    def indicator(self, kind, polynomial):
        made = self.inside(kind, polynomial)
        self.indicators |= {m[0][0][0] for m in made}
        return made


def symbols(tree):
    """The symbols that are added in an expression."""
    if isinstance(tree, Symbol):
        yield tree
    elif isinstance(tree, Sum):
        for term in tree.terms:
            yield from symbols(term)
    elif isinstance(tree, Product):
        for factor in tree.factors:
            yield from symbols(factor)
    elif isinstance(tree, Quotient):
        yield from symbols(tree.above)


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


def parts_of(tree):
    for value in vars(tree).values():
        yield from value if isinstance(value, tuple) else (value,)
