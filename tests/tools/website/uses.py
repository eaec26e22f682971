"""Which equations an equation rests on.

Those that made the symbols on its right, those that the sentence above it gives as its reason, and of a step that is
written in other notation the latter alone.
"""

import re

from equations.tree import Refused, Symbol, Tuple
from equations.walks import names_in
from house.tree import ID

LINK = re.compile(rf"\[({ID})\]\([^)\s]*\)")


def section(page, line):
    """The heading under which a line stands."""
    title = ""
    for number, text in page.text.prose:
        if number < line and text.startswith("## "):
            title = text.removeprefix("## ")
    return title


def of_page(page):
    """The ids that each equation of a page rests on, in reading order."""
    clauses = {id: parsed(page, id) for id in page.displayed}
    made = {id: {name for clause in found for name in left(clause)} for id, found in clauses.items()}
    order, rests = list(page.displayed), {}
    for place, id in enumerate(order):
        chosen = []
        for clause in clauses[id]:
            read = set(names_in(clause.sides[1:])) | ({*left(clause)} if clause.replaces else set())
            for name in sorted(read):
                chosen += makers(name, place, order, made)
        chosen += reasons(page, page.displayed[id][1])
        known = dict.fromkeys(sorted(set(chosen) - {id}, key=lambda one: (one not in order, position(order, one), one)))
        rests[id] = tuple(known)
    return rests


def position(order, id):
    return order.index(id) if id in order else 0


def parsed(page, id):
    try:
        return page.read(id).clauses
    except Refused:
        return ()


def left(clause):
    """The names that a clause makes."""
    first = clause.sides[0]
    items = first.items if isinstance(first, Tuple) else (first,)
    return [item.name for item in items if isinstance(item, Symbol)]


def makers(name, place, order, made):
    """The numbered equations that made a symbol: the last one before, or the first one after."""
    numbered = [k for k, id in enumerate(order) if name in made[id] and id.rpartition(".")[2].isdigit()]
    before = [k for k in numbered if k < place]
    return [order[k] for k in (before[-1:] or [k for k in numbered if k > place][:1])]


def reasons(page, line):
    """The equations that the paragraph above an equation names."""
    words, lines = [], page.source.splitlines()
    number = line - 4  # above the fence and the empty line over it
    while number >= 0 and lines[number].strip() and not lines[number].startswith(("```", "#", "|")):
        words += LINK.findall(lines[number])
        number -= 1
    return words
