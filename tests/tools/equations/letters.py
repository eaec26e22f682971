"""The lettered steps of a derivation: where one is an equation of the notation, all of its sides have one normal form.

Symbols mean what they mean at the end of the page.  A step that is written in other notation (matrices, expectations,
implications), or that speaks of something else than the equations do, is executed on numbers by the page alone.
"""

from equations.calls import Wrong
from equations.functions import Unprovable
from equations.meaning import Infinite
from equations.programs import programs
from equations.proof import Proof
from equations.terms import add, scaled
from equations.tree import Refused
from equations.walks import merged


def proved(page):
    """The lettered steps of a page that are proved for all shapes and values."""
    letters = [id for id in page.displayed if not id.rpartition(".")[2].isdigit()]
    found = programs(page) if "\n## Backward\n" in page.source else {}
    if not found:
        return set()
    try:
        proof = Proof(page, max(found.values(), key=lambda one: len(one.forward + one.backward)))
        proof.run()
    except (Unprovable, Infinite, Wrong):
        return set()
    return {id for id in letters if holds(page, id, proof.meaning)}


def holds(page, id, meaning):
    """Have all sides of a step one normal form?"""
    try:
        for clause in page.read(id).clauses:
            first, *others = (meaning.mean_of(merged(side, page.shapes.entries)) for side in clause.sides)
            if any(meaning.normal(add(other, scaled(first, -1))) for other in others):
                return False
    except (Refused, Unprovable, Infinite):
        return False
    return True
