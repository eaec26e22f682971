"""Tokens to a tree: sums of terms, terms of factors, and what a factor may be."""

from fractions import Fraction

from equations.names import Names
from equations.tokens import split
from equations.tree import (
    Both,
    Bracket,
    Cases,
    Function,
    Mean,
    Modulo,
    Number,
    Over,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Tuple,
)
from equations.words import ENDS, FUNCTIONS, SIGNS, is_letter, plain


class Reader(Names):
    """Reads an expression or a condition."""

    def everything(self):
        """All that there is: an expression or a condition."""
        tree = self.condition()
        if self.peek() is not None:
            raise self.refuse("must end here")
        return tree

    def condition(self):
        parts = [self.relation()]
        while self.peek() == r"\land":
            self.next()
            parts.append(self.relation())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def relation(self):
        left = self.sum()
        if self.peek() in SIGNS:
            return Relation(SIGNS[self.next()], left, self.sum())
        return left

    def sum(self):
        terms = [self.term(self.sign())]
        while self.peek() in ("+", "-"):
            terms.append(self.term(self.sign()))
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))

    def sign(self):
        return -1 if self.peek() in ("+", "-") and self.next() == "-" else 1

    def term(self, sign):
        factors, divided = ([Number(Fraction(-1))] if sign < 0 else []) + [self.factor()], False
        while self.peek() not in ENDS:
            if self.peek() in ("/", r"\bmod"):
                kind = Quotient if self.next() == "/" else Modulo
                factors, divided = [kind(product(factors), self.factor())], True
            elif self.peek() in (r"\cdot", r"\odot"):
                self.next()
                factors.append(self.factor())
            elif divided:
                raise self.refuse("a factor after a stroke needs brackets")
            else:
                factors.append(self.factor())
        return product(factors)

    def factor(self):
        tree = self.primary()
        while self.peek() == "^":
            self.next()
            tree = Power(tree, self.group())
        return tree

    def group(self):
        r"""What stands in braces, or the one token after \frac, \sqrt or ^."""
        if self.peek() == "{":
            return self.bracketed("}", self.sum)
        if self.peek() is not None and self.peek().isdigit() and len(self.peek()) > 1:  # \frac12
            first = self.pieces[self.at]
            self.pieces[self.at : self.at + 1] = [type(first)(digit, first.place) for digit in first.text]
        return self.primary(bare=True)

    def bracketed(self, closing, read):
        self.next()
        tree = read()
        self.want(closing)
        return tree

    def primary(self, bare=False):
        word = self.peek()
        if word is None:
            raise self.refuse("must go on")
        if word.isdigit():
            return Number(Fraction(self.next()))
        if word == r"\infty":
            self.next()
            return Number(None)
        if word == "{":
            return self.bracketed("}", self.sum)
        if word == "(":
            items = self.arguments()
            return items[0] if len(items) == 1 else Tuple(items)
        if word == "[":
            return Bracket(self.bracketed("]", self.condition))
        if word == r"\lvert":
            return Function("abs", (self.bracketed(r"\rvert", self.sum),))
        if word == r"\lfloor":
            return Function("floor", (self.bracketed(r"\rfloor", self.sum),))
        if word in (r"\frac", r"\tfrac"):
            self.next()
            above = self.group()
            return Quotient(above, self.group())
        if word == r"\sqrt":
            self.next()
            return Function("sqrt", (self.group(),))
        if word == r"\overline":
            self.next()
            return Mean(self.group())
        if word in FUNCTIONS:
            return self.function()
        if word in (r"\sum", r"\max", r"\mathrm{argmax}"):
            return self.over()
        if word == r"\begin{cases}":
            return self.cases()
        if word == r"\delta":
            return self.change()
        return self.symbol(bare)

    def arguments(self):
        self.want("(")
        items = [self.sum()]
        while self.want(",", ";", ")") != ")":
            items.append(self.sum())
        return tuple(items)

    def function(self):
        name = self.next()
        if name == r"\log" and self.peek() == "_":
            self.next()
            name = rf"\log_{self.want('2')}"
        exponent = None
        if self.peek() == "^":
            self.next()
            exponent = self.group()
        if self.peek() != "(":
            raise self.refuse(f"the argument of {name} must stand in brackets")
        tree = Function(FUNCTIONS[name], self.arguments())
        return tree if exponent is None else Power(tree, exponent)

    def over(self):
        operation = self.next().removeprefix("\\").removeprefix("mathrm{").rstrip("}")
        if operation == "max" and self.peek() == "(":
            return Function("max", self.arguments())
        self.want("_")
        letters, condition = self.pieces[self.at : self.at + 1], None
        if self.peek() == "{":
            inner = self.inside()
            parts, _ = split(inner, {":"})
            letters = [token for token in parts[0] if token.text != ","]
            if len(parts) == 2:
                condition = Reader(parts[1], self.names, self.functions, place=self.place).everything()
        else:
            self.next()
        for token in letters:
            if not is_letter(token.text):
                raise token.place.refuse(token.text, f"{operation} must run over index letters")
        for place, token in enumerate(letters):
            if token.text in [other.text for other in letters[:place]]:
                raise token.place.refuse(token.text, f"{operation} must run over every letter once")
        body = self.term(1) if operation == "sum" else self.factor()
        return Over(operation, tuple(plain(token.text) for token in letters), condition, body)

    def cases(self):
        self.next()
        rows = []
        while True:
            value = self.sum()
            self.want("&")
            if self.peek() == r"\text{otherwise}":
                self.next()
                rows.append((value, None))
                self.want(r"\end{cases}")
                return Cases(tuple(rows))
            rows.append((value, self.condition()))
            if self.want(r"\\", r"\end{cases}") == r"\end{cases}":
                return Cases(tuple(rows))


def product(factors):
    return factors[0] if len(factors) == 1 else Product(tuple(factors))
