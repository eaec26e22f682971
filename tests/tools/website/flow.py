"""How the numbers of a page flow: a symbol each time that an equation makes it, and what it is made of."""

from dataclasses import dataclass

from equations.programs import APART
from equations.walks import made, one_name
from website import symbols, uses

TITLES = ("Forward", "Backward", "Update", "Algorithm")  # the headings under which numbers are made


@dataclass(frozen=True)
class Node:
    """A symbol in the drawing: given (id is empty), or made by an equation."""

    tex: str
    shape: str
    id: str
    kind: str  # input, made or output


def graph(page, title):
    """The symbols under a heading, by name, and the pairs (from, to)."""
    chosen = [id for id in page.numbered if id not in APART and uses.section(page, page.displayed[id][1]) == title]
    rows, found, pairs, last, split = symbols.of_page(page), {}, [], {}, {}
    everything = {name for equation in page.equations.values() for name in made(equation)}
    same = one_name(page.shapes.entries, everything)  # by heads, and merged: the same numbers
    for id in chosen:
        new = {}
        for clause in page.equations[id].clauses:
            read = {name for name in uses.names_in(clause.sides[1:]) if stands(page, name)}
            for name in uses.left(clause):
                if not stands(page, name):
                    continue
                key = f"{name}@{id}"
                new[name] = key
                row = rows.row(name)
                found[key] = Node(row.tex, row.shape, id, "made")
                own = {name} if clause.replaces and name in last else set()
                for other in sorted(read | own):
                    source = last.get(other) or new.get(other, other)
                    if source == key:
                        continue
                    if source == other and source not in found:
                        row = rows.row(other)
                        found[source] = Node(row.tex, row.shape, "", "input")
                        if same.get(other, other) in split:
                            pairs.append((split[same.get(other, other)], source))
                    pairs.append((source, key))
        last |= new
        split |= {same.get(name, name): key for name, key in new.items()}
    return ends(found, joined(pairs, last))


def stands(page, name):
    """Is this a symbol that holds numbers, of any shape?"""
    entry = page.shapes.entry(name)
    return entry is not None and entry.axes is not None and name not in page.shapes.letters


def joined(pairs, last):
    """Where a symbol is used above the equation that makes it, it is that one."""
    return [(last.get(source, source), target) for source, target in dict.fromkeys(pairs)]


def ends(found, pairs):
    """The nodes that an arrow reaches or leaves; what nothing is made of is an output."""
    starts, targets = {a for a, _ in pairs}, {b for _, b in pairs}
    kept = {}
    for name, node in found.items():
        if name in starts | targets:
            last = node.id and name not in starts
            kept[name] = Node(node.tex, node.shape, node.id, "output" if last else node.kind)
    return kept, pairs
