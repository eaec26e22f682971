"""Sums of products over typed index letters, in one normal form.

A letter is (axis, tag): the tag of a free one is its name, "*" where the axis is carried along; that of a bound one,
over which the product is summed, is a number.  An atom is (name, letters, exponent), a monomial (atoms, bound letters),
a polynomial {monomial: coefficient}.  Two polynomials are equal for all shapes and values if their normal forms are;
the other way round that need not be so.
"""

from fractions import Fraction

ONE = ((), frozenset())


def constant(value):
    return {ONE: Fraction(value)} if value else {}


def exact(number):
    """A rational number, as an int where it is whole: of those Python knows the hash at once."""
    return number.numerator if number.denominator == 1 else number


def atom(name, letters=(), exponent=1):
    return {(((name, tuple(letters), exact(exponent)),), frozenset()): Fraction(1)}


def add(*polynomials):
    made = {}
    for polynomial in polynomials:
        put(made, polynomial)
    return made


def put(made, polynomial):
    """Add to a polynomial in place."""
    for monomial, c in polynomial.items():
        made[monomial] = made.get(monomial, 0) + c
        if not made[monomial]:
            del made[monomial]


def scaled(polynomial, factor):
    return {monomial: c * factor for monomial, c in polynomial.items()} if factor else {}


def letters_of(monomial):
    return {letter for _, letters, _ in monomial[0] for letter in letters}


def free(polynomial):
    """The free letters, in an order that depends on nothing but the polynomial."""
    found = {x for monomial in polynomial for x in letters_of(monomial) - monomial[1]}
    return sorted(found, key=lambda letter: (letter[0], str(letter[1])))


def renamed(monomial, by):
    atoms = tuple((name, tuple(by.get(x, x) for x in letters), e) for name, letters, e in monomial[0])
    return atoms, frozenset(by.get(x, x) for x in monomial[1])


def primes(n):
    """The prime factors of a whole number."""
    p = 2
    while n > 1:
        if n % p == 0:
            yield p
            n //= p
        else:
            p += 1


def use(one, letter, colour):
    """How an atom uses a letter: where, and beside which others."""
    name, letters, e = one
    return repr((name, e, [y == letter for y in letters], [colour.get(y, y) for y in letters]))


def matched(pattern, atoms, bound, letter):
    """The letters that make the atoms of a pattern those of a product, or None."""
    by = {bound: letter} if bound is not None else {}
    for (name, letters, e), (other, given, f) in zip(pattern, atoms, strict=True):
        if name != other or (e != f and bound is not None) or len(letters) != len(given):
            return None
        for x, y in zip(letters, given, strict=True):
            if by.setdefault(x, y) != y:
                return None
    return by
