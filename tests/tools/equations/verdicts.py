"""What is known of every numbered equation, line by line: the file that the pages are published with.

`python -m equations.verdicts` in tests/tools, with the root of the repository on the path, writes it again.
"""

from equations import pages
from equations.compare import compare
from equations.exceptions import UNEVALUATED, UNPROVED
from equations.prove import prove
from equations.shapes import Entry
from equations.tree import Symbol

PATH = pages.ROOT / "specs" / "verdicts.txt"
HEAD = "# equation, how it is compared with the code, what is proved of it; see specs/guides/proofs.md\n"
COMPARED = {"equal": "equal", "composed": "by name"}
EVERY = (*pages.ROOMS, *pages.COMPOSED)


def of_page(page):
    """The lines of a page."""
    outcomes, proved = compare(page), of_proof(page)
    for id in page.numbered:
        compared = COMPARED.get(outcomes[id].kind, f"not evaluated ({UNEVALUATED.get(id, '?')})")
        yield f"{id}: {compared}; {proved.get(id, 'no part of a derivative')}"


def of_proof(page):
    """What is proved of each equation of a page: the best of what is said of the programs that have it."""
    if "\n## Backward\n" not in page.source:
        return {}
    if page.name in UNPROVED:
        return dict.fromkeys(page.numbered, "not proved")
    found = {}
    for verdict in prove(page).values():
        for id in verdict.ids:
            if found.get(id) != "proved":
                found[id] = verdict.kind if verdict.kind in ("proved", "in balls") else "composed"
    for id in found:
        if found[id] == "proved" and all(still(page, clause.sides[0]) for clause in page.equations[id].clauses):
            found[id] = "constant"
    return found


def still(page, left):
    """Is what an equation makes a constant of the derivative?"""
    return isinstance(left, Symbol) and page.shapes.entries.get(left.name, Entry("", (), "")).constant


def lines():
    return [line for page in pages.load(*EVERY) for line in of_page(page)]


if __name__ == "__main__":
    PATH.write_text(HEAD + "\n".join(lines()) + "\n", encoding="utf-8")


