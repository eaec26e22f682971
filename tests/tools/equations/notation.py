"""The LaTeX of a displayed equation to a tree: one grammar, and what it does not know is refused.

A term is a product of factors; a stroke divides it by the one factor that follows.  A sum reaches to the end of its
term.  Arguments of functions stand in brackets.  Subscripts are index letters, expressions between commas, or the
label of a name that the page lists.
"""

from equations.reader import Reader
from equations.tokens import split, tokens
from equations.tree import Clause, Equation


def equation(id, tex, path, line, names=(), functions=()):
    """Read one displayed equation.  `names` are the symbols of the page, `functions` those that are called."""
    parts, _ = split(tokens(tex, path, line), {r"\quad", r"\qquad"})
    clauses = []
    for part in parts:
        while part and part[-1].text in {",", "."}:
            part = part[:-1]
        sides, marks = split(part, {"=", r"\leftarrow"})
        if len(sides) < 2:
            first = part[0] if part else tokens(tex, path, line)[-1]
            raise first.place.refuse(first.text, f"({id}): a part of an equation must have a sign =")
        trees = tuple(Reader(side, names, functions, place=marks[0].place).everything() for side in sides)
        clauses.append(Clause(trees, any(mark.text == r"\leftarrow" for mark in marks)))
    return Equation(id, path, line, tuple(clauses))


def expression(text, names=(), functions=(), path="", line=1):
    """Read an expression, such as the length of an axis."""
    return Reader(tokens(text, path, line), names, functions).everything()
