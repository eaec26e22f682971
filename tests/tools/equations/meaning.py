"""Expressions and conditions of a page as polynomials."""

from fractions import Fraction

from equations.atoms import Unprovable
from equations.definitions import Definitions
from equations.terms import ONE, add, atom, constant, scaled
from equations.tree import Number, Power, Product, Relation, Symbol
from equations.walks import symbols

CONSTANTS = {"floor", "log2"}  # of constants alone


class Infinite(Exception):
    """A value that is not finite: where a score is hidden."""


class Meaning(Definitions):
    """The expressions of a page, one equation after another."""

    def mean_of(self, tree):
        read = getattr(self, f"of_{type(tree).__name__.lower()}", None)
        if read is None:
            raise Unprovable(f"{type(tree).__name__} has no value")
        return read(tree)

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

    def indicator(self, kind, polynomial):
        made = self.inside(kind, polynomial)
        self.indicators |= {m[0][0][0] for m in made}
        return made
