"""Functions of polynomials as atoms: the same for the same polynomial in other letters."""

from dataclasses import dataclass
from fractions import Fraction

from equations.polynomials import Polynomials
from equations.terms import add, atom, constant, free, renamed, scaled


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


class Atoms(Polynomials):
    """Polynomials with atoms that stand for functions of polynomials.

    Symbols of which it is known that they are positive are in `positives`.
    """

    def __init__(self):
        super().__init__()
        self.opaque, self.names, self.moving, self.positives = {}, {}, set(), set()

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

    def of_atom(self, found, letters):
        """What an atom is a function of, at these letters."""
        by = dict(zip(found.letters, letters, strict=True))
        return {renamed(self.apart(m), by): c for m, c in found.inside.items()}

    def above(self, one):
        """Is this atom positive, whatever its letters?"""
        name = one[0]
        if isinstance(name, int) or name == "pi" or name.startswith("|") or name in self.positives:
            return True
        found = self.opaque.get(name)
        if found is None:
            return False
        return found.kind == "exp" or (
            found.kind == "power" and all(c > 0 and all(map(self.above, m[0])) for m, c in found.inside.items())
        )

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
