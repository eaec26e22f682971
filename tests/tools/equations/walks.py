"""Walks over the trees of equations: which symbols stand where."""

import re
from dataclasses import replace

from equations.tree import Product, Quotient, Sum, Symbol


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


def added(tree):
    """The symbols that are added up in an expression."""
    for term in getattr(tree, "terms", (tree,)):
        if isinstance(term, Symbol):
            yield term


def names_in(tree):
    if isinstance(tree, Symbol):
        yield tree.name
    if isinstance(tree, tuple):
        for item in tree:
            yield from names_in(item)
    elif hasattr(tree, "__dataclass_fields__"):
        for value in vars(tree).values():
            yield from names_in(value)


def one_name(entries, made):
    """What has two names, {one: the other}: what is split by heads and what is merged are the same numbers; what an
    option makes of a symbol is that symbol where the option is not used.
    """
    by = {}
    for name, entry in entries.items():
        other = re.search(r"without it \$`([^`]*)`\$", entry.meaning)
        if "the same by heads" in entry.meaning or "the same merged" in entry.meaning:
            by[name] = name.lower().rstrip("'")
        elif other and name not in made:
            by[name] = other[1]
    return by | {f"d{name}": f"d{other}" for name, other in by.items()}


def renamed(tree, by):
    """The same with other names for symbols."""
    if isinstance(tree, Symbol):
        name, indices = by.get(tree.name, tree.name), renamed(tree.indices, by)
        return tree if (name, indices) == (tree.name, tree.indices) else Symbol(name, indices)
    if isinstance(tree, tuple):
        return tuple(renamed(item, by) for item in tree)
    if hasattr(tree, "__dataclass_fields__"):
        return replace(tree, **{name: renamed(value, by) for name, value in vars(tree).items()})
    return tree


def made(equation):
    """The names on the left of an equation."""
    lefts = [clause.sides[0] for clause in equation.clauses]
    return [item.name for left in lefts for item in getattr(left, "items", (left,))]
