"""Products of polynomials, and their normal form: what is known of sums, and one name for every bound letter."""

import itertools
from fractions import Fraction

from equations.terms import constant, exact, matched, put, renamed, use


class Polynomials:
    """Products and normal forms.  `indicators` are atoms that are 0 or 1; `maps` those that pick one of their last."""

    def __init__(self):
        self.numbers = itertools.count()
        self.indicators, self.maps, self.folds, self.lines = set(), set(), {}, {}

    def fresh(self, axis):
        return axis, next(self.numbers)

    def apart(self, monomial):
        """The same with bound letters that occur nowhere else."""
        return renamed(monomial, {x: self.fresh(x[0]) for x in monomial[1]})

    def product(self, *polynomials):
        made = constant(1)
        for polynomial in polynomials:
            terms = {}
            for (a, b), c in made.items():
                for monomial, d in polynomial.items():
                    atoms, bound = self.apart(monomial)
                    key = (a + atoms, b | bound)
                    terms[key] = terms.get(key, 0) + c * d
            made = self.normal(terms)
        return made

    def summed(self, polynomial, letters):
        """The sum over letters; over one that a term has not, the length of its axis."""
        made = {}
        for monomial, c in polynomial.items():
            by = {x: self.fresh(x[0]) for x in letters}
            atoms, bound = renamed(monomial, by)
            put(made, {(atoms, bound | frozenset(by.values())): c})
        return self.normal(made)

    def normal(self, polynomial):
        made, todo = {}, list(polynomial.items())
        while todo:
            monomial, c = todo.pop()
            c, monomial = self.collected(monomial, c)
            if not c:
                continue
            other = self.contracted(monomial) or self.folded(monomial)
            if other is not None:
                todo.append((other[1], c * other[0]))
                continue
            other = self.reduced(monomial)
            if other is not None:
                todo += [(m, c * d) for m, d in other]
                continue
            put(made, {self.canonical(monomial): c})
        return made

    def collected(self, monomial, c):
        """Equal atoms as one; whole powers of numbers in the coefficient; the square of an indicator is itself."""
        powers = {}
        for name, letters, e in monomial[0]:
            powers[name, letters] = powers.get((name, letters), 0) + e
        atoms = []
        for (name, letters), e in powers.items():
            if name in self.indicators or name in self.maps:
                e = 1 if e else e
            if isinstance(name, int):
                whole = e.numerator // e.denominator
                c, e = c * Fraction(name) ** whole, e - whole
            if e:
                atoms.append((name, letters, exact(e)))
        return c, (tuple(sorted(atoms, key=repr)), monomial[1])

    def contracted(self, monomial):
        """Sums that are known: over a letter that occurs nowhere, and over what a map picks."""
        atoms, bound = monomial
        uses = {x: [a for a in atoms if x in a[1]] for x in bound}
        for x, found in uses.items():
            if not found:
                return 1, ((*atoms, (f"|{x[0]}|", (), 1)), bound - {x})
            if len(found) == 1 and found[0][0] in self.maps and found[0][1][-1] == x and x not in found[0][1][:-1]:
                return 1, (tuple(a for a in atoms if a != found[0]), bound - {x})
        for one in (a for a in atoms if a[0] == "same"):  # of two letters: one of them is enough
            i, j = one[1] if one[1][1] in bound else sorted(one[1], key=lambda x: (x in bound, repr(x)))
            rest = tuple(a for a in atoms if a != one)
            if i == j or (i[0] == j[0] and j in bound):
                return 1, renamed((rest, bound - ({j} - {i})), {j: i})
            if i[0] == j[0] and any(j in a[1] for a in rest):
                return 1, (renamed((rest, bound), {j: i})[0] + (one,), bound)
        picks = [a for a in atoms if a[0] in self.maps]
        for a, b in itertools.combinations(picks, 2):
            if a[0] == b[0] and a[1][:-1] == b[1][:-1]:
                one, two = a[1][-1], b[1][-1]
                one, two = (one, two) if two in bound else (two, one)
                if two in bound:
                    kept = tuple(x for x in atoms if x != (b if two == b[1][-1] else a))
                    return 1, renamed((kept, bound - {two}), {two: one})
        return None

    def folded(self, monomial):
        """A sum that has a name of its own."""
        atoms, bound = monomial
        for x in bound:
            found = [a for a in atoms if x in a[1]]
            for names, fold in self.folds.items():
                if tuple(a[0] for a in found) == names:
                    by = matched(fold.pattern, found, fold.bound, x)
                    if by is not None and all(letter in by for letter in fold.letters):
                        made = (fold.name, tuple(by[letter] for letter in fold.letters), 1)
                        return 1 / fold.factor, ((*(a for a in atoms if a not in found), made), bound - {x})
        return None

    def reduced(self, monomial):
        """Where a denominator p = c + d a stands beside a: a = (p - c) / d; beside 1 / a, partial fractions."""
        atoms, bound = monomial
        for a in atoms:
            for line in self.lines.get(a[0], ()):
                p = self.beside(a, line, atoms) if abs(a[2]) >= 1 else None
                if p is None:
                    continue
                rest = tuple(x for x in atoms if x not in (a, p))
                less, up = (*a[:2], a[2] - (1 if a[2] > 0 else -1)), (*p[:2], p[2] + 1)
                if a[2] > 0:
                    terms = ((less, up), 1 / line.slope), ((less, p), -line.offset / line.slope)
                else:
                    terms = ((a, up), 1 / line.offset), ((less, p), -line.slope / line.offset)
                return [((rest + two, bound), c) for two, c in terms]
        return None

    @staticmethod
    def beside(a, line, atoms):
        """The denominator among the atoms that is this linear function of an atom."""
        by = matched((line.atom,), (a,), None, None)
        for p in atoms:
            if p[0] == line.name and p[2] < 0 and by is not None and tuple(by[x] for x in line.letters) == p[1]:
                return p
        return None

    def canonical(self, monomial):
        """Bound letters numbered in the one way that makes the monomial come first."""
        atoms, bound = monomial
        if not bound:
            return monomial
        colour = {x: (x[0],) for x in bound}
        for _ in range(3):
            if len(set(colour.values())) == len(bound):
                break  # every letter is told from the others
            seen = {x: tuple(sorted(use(a, x, colour) for a in atoms if x in a[1])) for x in bound}
            order = {key: k for k, key in enumerate(sorted({(x[0], seen[x]) for x in bound}))}
            colour = {x: (x[0], order[x[0], seen[x]]) for x in bound}
        groups = {}
        for x in sorted(bound, key=repr):
            groups.setdefault(colour[x], []).append(x)
        best = None
        for choice in itertools.product(*(itertools.permutations(groups[key]) for key in sorted(groups))):
            order = [x for group in choice for x in group]
            made = renamed(monomial, {x: (x[0], -1 - k) for k, x in enumerate(order)})
            made = (tuple(sorted(made[0], key=repr)), made[1])
            if best is None or repr(made[0]) < repr(best[0]):
                best = made
        return best
