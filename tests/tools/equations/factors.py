"""Powers, exponentials and logarithms: of products, and of what has a positive factor in common."""

from fractions import Fraction

from equations.atoms import Atoms, Unprovable
from equations.terms import add, atom, constant, primes, scaled


class Factors(Atoms):
    """Atoms with powers, exponentials and logarithms of polynomials."""

    def exponential(self, polynomial):
        """The exponential of a sum: the product of those of its terms."""
        made = constant(1)
        for monomial, c in self.normal(polynomial).items():
            ((atoms, bound), _), = self.inside("exp", {monomial: Fraction(1)}).items()
            made = self.product(made, {(tuple((n, i, c) for n, i, _ in atoms), bound): Fraction(1)})
        return made

    def logarithm(self, polynomial):
        """The logarithm of a sum of which the terms have a positive factor in common: that of the factor apart."""
        common, rest = self.common(self.normal(polynomial))
        self.inside("power", rest)  # what is a sum of terms here has the same name where something is divided by it
        rest = self.normal(rest)
        made = {} if rest == constant(1) else self.inside("log", rest)
        for (name, letters), e in common.items():
            found, itself = self.opaque.get(name), atom(name, letters)
            if found is None:
                made = add(made, scaled(self.inside("log", itself), e))
                continue
            inside = self.of_atom(found, letters)
            if found.kind == "power":
                inside = self.inside("log", itself) if self.normal(inside) == itself else self.logarithm(inside)
            made = add(made, scaled(inside, e))
        return self.normal(made)

    def common(self, polynomial):
        """Positive atoms {(name, letters): power} that every term has as a factor, and the terms without them."""
        found = []
        for atoms, bound in polynomial:
            found.append({(n, i): e for n, i, e in atoms if not set(i) & bound and self.above((n, i, e))})
        keys = dict.fromkeys(key for one in found for key in one)
        least = {key: min(one.get(key, Fraction(0)) for one in found) for key in keys}
        least = {key: e for key, e in least.items() if e}
        factor = {(tuple((n, i, -e) for (n, i), e in least.items()), frozenset()): Fraction(1)}
        return least, self.product(polynomial, factor) if least else polynomial

    def power(self, polynomial, exponent):
        exponent = Fraction(exponent)
        if exponent.denominator == 1 and exponent >= 0:
            return self.product(*[polynomial] * int(exponent))
        return self.split(polynomial, lambda p: self.one_power(p, exponent))

    def one_power(self, polynomial, exponent):
        """Factors that do not move with the sum come out of it; out of a root those that are positive."""
        polynomial = self.normal(polynomial)
        if not polynomial:
            raise Unprovable("a denominator is 0")
        common, polynomial = self.common(polynomial)
        out = tuple((n, i, e * exponent) for (n, i), e in common.items())
        if len(polynomial) == 1:
            ((atoms, bound), c), = polynomial.items()
            if exponent.denominator == 1:
                plain = tuple(a for a in atoms if not set(a[1]) & bound)
                out += tuple((n, i, e * exponent) for n, i, e in plain)
                atoms = tuple(a for a in atoms if a not in plain)
            number = constant(1)
            if exponent.denominator == 1 or c > 0:
                number, c = self.number(c, exponent), Fraction(1)
            polynomial = {(atoms, bound): c}
            if not atoms and not bound:
                if c != 1:
                    raise Unprovable("a root of a negative number")
                return self.product({(out, frozenset()): Fraction(1)}, number)
        else:
            number = constant(1)
        (monomial, _), = self.inside("power", polynomial).items()
        name, letters, _ = monomial[0][0]
        return self.product({(out, frozenset()): Fraction(1)}, number, atom(name, letters, exponent))

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
