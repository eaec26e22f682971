"""How the numbers of a page flow: a symbol each time that an equation makes it, and what it is made of."""

from dataclasses import dataclass

from equations.programs import APART
from equations.walks import made, one_name
from website import symbols, uses

IN_ORDER = ("Update", "Algorithm")  # the headings under which equations stand in the order in which they run
TITLES = ("Forward", "Backward", *IN_ORDER)  # those under which numbers are made


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
    rows, found, pairs, last, split, replaced = symbols.of_page(page), {}, [], {}, {}, set()
    everything = {name for equation in page.equations.values() for name in made(equation)}
    same = one_name(page.shapes.entries, everything)  # by heads, and merged: the same numbers
    for id in chosen:
        new = {}
        for clause in page.equations[id].clauses:
            read = {name for name in uses.names_in(clause.sides[1:]) if stands(page, name)}
            own = set(uses.left(clause)) if clause.replaces else set()
            replaced |= own
            for name in filter(lambda name: stands(page, name), uses.left(clause)):
                key = f"{name}@{id}"
                row = rows.row(name)
                found[key] = Node(row.tex, row.shape, id, "made")
                for other in sorted(read | own & {name}):
                    sources = last.get(other) or new.get(other) or (other,)
                    if sources == (other,) and other not in found:
                        row = rows.row(other)
                        found[other] = Node(row.tex, row.shape, "", "input")
                        if same.get(other, other) in split:
                            pairs.append((split[same.get(other, other)], other))
                    pairs += [(source, key) for source in sources]
            new |= {name: (f"{name}@{id}",) for name in uses.left(clause) if stands(page, name)}
        read = {source for source, _ in pairs}
        for name, keys in new.items():  # what is made again before it is read is another way to it, or a part of it
            last[name] = (*(key for key in last.get(name, ()) if key not in read), *keys)
            split[same.get(name, name)] = keys[-1]
    pairs = list(joined(pairs, last, replaced, title))
    for name in sorted(replaced & last.keys()) if title not in IN_ORDER else ():
        pairs = used(pairs, name, last[name][-1])
    return ends(found, pairs)


def stands(page, name):
    """Is this a symbol that holds numbers, of any shape?"""
    entry = page.shapes.entry(name)
    return entry is not None and entry.axes is not None and name not in page.shapes.letters


def joined(pairs, last, replaced, title):
    """Where a symbol is used above the equation that makes it, it is that one.

    What replaces a symbol is made of the one before.  A forward pass shows its options last and uses them above; an
    update stands in the order in which it runs, so that all above the replacement uses the one before, too.
    """
    for source, target in dict.fromkeys(pairs):
        before = source in replaced and (title in IN_ORDER or target.startswith(f"{source}@"))
        for made_of in (source,) if before else last.get(source, (source,)):
            yield made_of, target


def used(pairs, name, final):
    """What reads an early form of a symbol reads its last one, where nothing else does: options are shown last."""
    if final in {source for source, _ in pairs}:
        return pairs
    above, more = set(), {final}
    while more - above:
        above |= more
        more = {source for source, target in pairs if target in above}
    own = f"{name}@"
    return [(final if a.startswith(own) and b not in above and not b.startswith(own) else a, b) for a, b in pairs]


def ends(found, pairs):
    """The nodes that an arrow reaches or leaves; what nothing is made of is an output."""
    starts, targets = {a for a, _ in pairs}, {b for _, b in pairs}
    kept = {}
    for name, node in found.items():
        if name in starts | targets:
            kind = "made" if name in targets else node.kind  # by heads, or merged
            kept[name] = Node(node.tex, node.shape, node.id, kind if name in starts else "output")
    return kept, pairs
