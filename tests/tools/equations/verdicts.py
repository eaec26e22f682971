"""What is known of every equation, line by line: the file that the pages are published with.

`python -m equations.verdicts` in tests/tools, with the root of the repository on the path, writes it again.
"""

from equations import letters, pages
from equations.compare import compare
from equations.exceptions import STEPS, UNEVALUATED, UNPROVED, WHY
from equations.prove import prove
from equations.shapes import Entry
from equations.tree import Symbol

from reference.job.spec import digest

PATH = pages.ROOT / "specs" / "verdicts.txt"
HEAD = (
    "# page: digest of its displayed equations.  equation: how it is compared with the code; what is proved of it.\n"
    "# See specs/guides/proofs.md\n"
)
COMPARED = {"equal": "equal", "composed": "by name"}
EVERY = (*pages.ROOMS, *pages.COMPOSED)


def of_page(page):
    """The lines of a page."""
    compared, proof, steps = of_comparison(page, compare(page)), of_proof(page), of_letters(page)
    numbered = [f"{id}: {compared[id]}; {proof[id]}" for id in page.numbered]
    return [f"{page.name}: {digest(page.source)}", *numbered, *(f"{id}: step; {said}" for id, said in steps.items())]


def of_letters(page):
    """What is found of each lettered step of a page; why nothing is, which leaves it to the numbers of the page."""
    found = letters.found(page)
    return {id: kind or f"executed on numbers ({STEPS.get(WHY.get(id), '?')})" for id, kind in found.items()}


def of_comparison(page, outcomes):
    """How each equation of a page is compared with the code."""
    why = {id: f"not evaluated ({UNEVALUATED.get(id, '?')})" for id in page.numbered}
    return {id: COMPARED.get(outcomes[id].kind, why[id]) for id in page.numbered}


def of_proof(page, found=None):
    """What is proved of each equation of a page: the best of what is said of the programs that have it."""
    if page.name in UNPROVED:
        return dict.fromkeys(page.numbered, "in balls")
    said = dict.fromkeys(page.numbered, "no part of a derivative")
    if "\n## Backward\n" not in page.source:
        return said
    for verdict in (prove(page) if found is None else found).values():
        for id in verdict.ids:
            if said[id] != "proved":
                said[id] = verdict.kind if verdict.kind in ("proved", "in balls") else "composed"
    for id in said:
        if said[id] == "proved" and all(still(page, clause.sides[0]) for clause in page.equations[id].clauses):
            said[id] = "constant"
        if UNEVALUATED.get(id) == "tree":
            said[id] = "composed"
    return said


def still(page, left):
    """Is what an equation makes a constant of the derivative?"""
    return isinstance(left, Symbol) and page.shapes.entries.get(left.name, Entry("", (), "")).constant


def read():
    """What the file says of equations: {id: (how it is compared, what is proved)}."""
    return {id: tuple(said.split("; ")) for id, said in entries() if "." in id}


def digests():
    """What the file says of pages: {name: digest of its displayed equations}."""
    return {name: said for name, said in entries() if "." not in name}


def entries():
    lines = PATH.read_text(encoding="utf-8").removeprefix(HEAD).splitlines()
    return [line.split(": ", 1) for line in lines]


def lines():
    return [line for page in pages.load(*EVERY) for line in of_page(page)]


if __name__ == "__main__":
    PATH.write_text(HEAD + "\n".join(lines()) + "\n", encoding="utf-8")


