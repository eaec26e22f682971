"""Powers and functions of polynomials as atoms, each with the derivative of its definition."""

from dataclasses import dataclass
from fractions import Fraction

from equations.polynomials import Polynomials
from equations.terms import add, atom, constant, free, primes, renamed, scaled


class Unprovable(Exception):
    """What the prover does not reach, and why."""


@dataclass(frozen=True)
class Opaque:
    """An atom that stands for a function of a polynomial in the letters `letters`."""

    kind: str
    letters: tuple
    inside: dict


@dataclass(frozen=True)
class Fold:
    """A sum over one letter that has the name of an atom: factor * sum(pattern) = name."""

    name: str
    letters: tuple
    pattern: tuple
    bound: tuple
    factor: Fraction


@dataclass(frozen=True)
class Line:
    """A denominator name = offset + slope * atom."""

    name: str
    letters: tuple
    atom: tuple
    offset: Fraction
    slope: Fraction


class Functions(Polynomials):
    """Polynomials with powers, exponentials and the like."""

    def __init__(self):
        super().__init__()
        self.opaque, self.names, self.moving = {}, {}, set()

    def inside(self, kind, polynomial):
        """The atom of a function of a polynomial: the same for the same polynomial in other letters."""
        letters = free(polynomial)
        by = {x: (x[0], f"#{k}") for k, x in enumerate(letters)}
        template = self.normal({renamed(self.apart(m), by): c for m, c in polynomial.items()})
        key = (kind, frozenset(template.items()))
        if key not in self.names:
            self.names[key] = name = f"{kind}#{len(self.names)}"
            self.opaque[name] = Opaque(kind, tuple(by.values()), template)
            if kind == "power":
                self.named(name, tuple(by.values()), template)
        return atom(self.names[key], letters)

    def named(self, name, letters, template):
        """Learn from a new denominator: what it is the sum of, or which atom it is a linear function of."""
        if len(template) == 1:
            ((atoms, bound), factor), = template.items()
            if len(bound) == 1 and all(set(a[1]) & bound for a in atoms):
                self.folds[tuple(a[0] for a in atoms)] = Fold(name, letters, atoms, next(iter(bound)), factor)
        if len(template) == 2 and constant(1).keys() & template.keys():
            offset = template[next(iter(constant(1)))]
            (monomial, slope), = ((m, c) for m, c in template.items() if m[0])
            if len(monomial[0]) == 1 and not monomial[1] and monomial[0][0][2] == 1:
                line = Line(name, letters, monomial[0][0], offset, slope)
                self.lines.setdefault(monomial[0][0][0], []).append(line)

    def split(self, polynomial, of):
        """A function of a polynomial in which indicators stand: its values where they are 1 and 0."""
        for monomial in polynomial:
            for name, letters, _ in monomial[0]:
                if (name in self.indicators or name in self.maps) and not set(letters) & monomial[1]:
                    here, there = {}, {}
                    for (atoms, bound), c in polynomial.items():
                        rest = tuple(a for a in atoms if a[:2] != (name, letters))
                        here = add(here, {(rest, bound): c})
                        there = there if len(rest) < len(atoms) else add(there, {(atoms, bound): c})
                    hit = atom(name, letters)
                    one = self.product(hit, self.split(self.normal(here), of))
                    return add(one, self.product(add(constant(1), scaled(hit, -1)), self.split(self.normal(there), of)))
        return of(polynomial)

    def function(self, kind, polynomial):
        return self.split(polynomial, lambda p: self.inside(kind, p))

    def power(self, polynomial, exponent):
        exponent = Fraction(exponent)
        if exponent.denominator == 1 and exponent >= 0:
            return self.product(*[polynomial] * int(exponent))
        return self.split(polynomial, lambda p: self.one_power(p, exponent))

    def one_power(self, polynomial, exponent):
        polynomial = self.normal(polynomial)
        if not polynomial:
            raise Unprovable("a denominator is 0")
        if len(polynomial) == 1:
            ((atoms, bound), c), = polynomial.items()
            if not bound:
                made = {(tuple((n, i, e * exponent) for n, i, e in atoms), bound): Fraction(1)}
                return self.product(made, self.number(c, exponent))
            plain = tuple(a for a in atoms if not set(a[1]) & bound)  # what does not move with the sum
            if plain or c != 1:
                rest = {(tuple(a for a in atoms if a not in plain), bound): Fraction(1)}
                made = {(tuple((n, i, e * exponent) for n, i, e in plain), frozenset()): Fraction(1)}
                return self.product(made, self.number(c, exponent), self.one_power(rest, exponent))
        (monomial, _), = self.inside("power", polynomial).items()
        name, letters, _ = monomial[0][0]
        return atom(name, letters, exponent)

    @staticmethod
    def number(c, exponent):
        """A power of a rational number: roots as atoms of the primes."""
        if c < 0 and exponent.denominator == 1:
            return constant(c**exponent)
        if c < 0:
            raise Unprovable("a root of a negative number")
        atoms = tuple((p, (), exponent) for p in primes(c.numerator))
        atoms += tuple((p, (), -exponent) for p in primes(c.denominator))
        return {(atoms, frozenset()): Fraction(1)}

    # changes, to first order

    def change(self, polynomial):
        made = {}
        for monomial, c in polynomial.items():
            atoms, bound = self.apart(monomial)  # letters that are free within a function, and bound round it
            for k, (name, letters, e) in enumerate(atoms):
                moved = self.moved(name, letters)
                if moved:
                    rest = [a for j, a in enumerate(atoms) if j != k]
                    if e != 1:
                        rest.append((name, letters, e - 1))
                    one = {(tuple(rest), bound): c * e}
                    made = add(made, self.within(one, moved))
        return self.normal(made)

    def within(self, one, moved):
        """The product of a monomial with the change of one of its atoms, whose bound letters may stand in it."""
        made = {}
        for (atoms, bound), c in one.items():
            for monomial, d in moved.items():
                more, inner = self.apart(monomial)
                made = add(made, {(atoms + more, bound | inner): c * d})
        return made

    def moved(self, name, letters):
        """The change of an atom."""
        if name in self.moving or str(name).rstrip("<>") in self.moving:  # x<, x>: the halves of x
            return atom(f"δ{name}", letters)
        if name not in self.opaque or name in self.indicators:
            return {}
        found = self.opaque[name]
        by = dict(zip(found.letters, letters, strict=True))
        inside = {renamed(self.apart(m), by): c for m, c in found.inside.items()}
        change = self.change(inside)
        if not change:
            return {}
        if found.kind == "power":
            return change
        if found.kind == "max":  # where the largest is, moves with it: what must drop out
            return atom(f"δ{name}", letters)
        return self.product(self.slope(found.kind, inside, atom(name, letters)), change)

    def slope(self, kind, inside, itself):
        """The derivative of a function at a polynomial."""
        if kind == "exp":
            return itself
        if kind == "log":
            return self.power(inside, -1)
        if kind == "tanh":
            return add(constant(1), scaled(self.product(itself, itself), -1))
        if kind == "erfc":
            bell = self.function("exp", scaled(self.product(inside, inside), -1))
            return scaled(self.product(bell, atom("pi", (), Fraction(-1, 2))), -2)
        if kind == "cos":
            return scaled(self.function("sin", inside), -1)
        if kind == "sin":
            return self.function("cos", inside)
        if kind.isidentifier() and kind.startswith("call_"):
            return self.inside(f"{kind}'", inside)
        raise Unprovable(f"the derivative of {kind} is not known")

