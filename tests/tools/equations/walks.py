"""Walks over the trees of equations: which symbols stand where."""

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


def merged(tree, entries):
    """The same with one name for what is split by heads and what is merged: they are the same numbers."""
    if isinstance(tree, Symbol):
        base = tree.name.removeprefix("d")
        entry = entries.get(base)
        if entry and ("the same by heads" in entry.meaning or "the same merged" in entry.meaning):
            return replace(tree, name=tree.name[: len(tree.name) - len(base)] + base.lower().rstrip("'"))
        return tree
    if isinstance(tree, tuple):
        return tuple(merged(item, entries) for item in tree)
    if hasattr(tree, "__dataclass_fields__"):
        return replace(tree, **{name: merged(value, entries) for name, value in vars(tree).items()})
    return tree
