"""Functions of polynomials, and changes to first order: each function with the derivative of its definition."""

from fractions import Fraction

from equations.atoms import Unprovable
from equations.factors import Factors
from equations.terms import add, atom, constant, put, scaled


class Functions(Factors):
    """Polynomials with powers, exponentials and the like."""

    def function(self, kind, polynomial):
        of = {"exp": self.exponential, "log": self.logarithm}.get(kind, lambda p: self.inside(kind, p))
        return self.split(polynomial, of)

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
                    put(made, self.within(one, moved))
        return self.normal(made)

    def within(self, one, moved):
        """The product of a monomial with the change of one of its atoms, whose bound letters may stand in it."""
        made = {}
        for (atoms, bound), c in one.items():
            for monomial, d in moved.items():
                more, inner = self.apart(monomial)
                put(made, {(atoms + more, bound | inner): c * d})
        return made

    def moved(self, name, letters):
        """The change of an atom."""
        if name in self.moving or str(name).rstrip("<>") in self.moving:  # x<, x>: the halves of x
            return atom(f"δ{name}", letters)
        if name not in self.opaque or name in self.indicators:
            return {}
        found = self.opaque[name]
        inside = self.of_atom(found, letters)
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
