"""What the pages are built of: the imports of the modules that they derive."""

import ast
from functools import cache

import table


def graph(entries, only=None):
    """The titles of the pages, the pairs (from, to) and what is proved of each; `only` keeps one and its neighbours.

    An arrow that is implied by two others is left out.
    """
    below = {document: set(imports(entries, document)) for document in entries.pages}
    if only:
        pairs = [(a, b) for b, sources in below.items() for a in sources if only in (a, b)]
    else:
        pairs = [(a, b) for b, sources in below.items() for a in sources if not implied(below, a, b)]
    named = {name for pair in pairs for name in pair}
    titles = {d: p.source.partition("\n")[0].removeprefix("# ") for d, p in entries.pages.items() if d in named}
    return titles, sorted(pairs), {document: kind(entries, document) for document in titles}


def imports(entries, document):
    """The pages whose modules the module of a page imports."""
    for name in modules(entries.root / "reference" / f"{document}.py"):
        other = name.removeprefix("reference.").replace(".", "/")
        if other in entries.pages and other != document:
            yield other


@cache
def modules(path):
    """The names that a file imports; it is asked for once for the graph of each page."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return tuple(found)


def implied(below, a, b):
    """Does another way lead from a to b?"""
    return any(reaches(below, a, other) for other in below[b] if other != a)


def reaches(below, a, b):
    return a in below[b] or any(reaches(below, a, other) for other in below[b])


def kind(entries, document):
    """The class of a page, by what is proved of it; of updates and algorithms, nothing is."""
    if "\n## Backward\n" not in entries.pages[document].source:
        return "update"
    return table.word(document, entries.root).replace(" ", "-")
