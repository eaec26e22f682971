"""The lettered steps of a derivation: where one is an equation, all of its sides have one normal form.

A step is proved at a place of the derivation: where some of the numbered equations have been put in, in the order of an
example, or none of them, so that every symbol stands for any number.  It may define a symbol that the table lists and
that no numbered equation makes; other steps read that.
"""

from equations.atoms import Unprovable
from equations.calls import Wrong
from equations.meaning import Infinite, Meaning
from equations.points import vanishes
from equations.programs import programs
from equations.proof import Proof
from equations.terms import add, scaled
from equations.tree import Refused, Symbol
from equations.walks import made, names_in, renamed

KINDS = ("proved", "in balls", "defines")  # the best first
MOST = 20  # terms that a rule which the prover lacks leaves over; a wrong step may leave hundreds


def found(page, equations=None):
    """What is found of every step of a page: one of KINDS, or None where nothing is.

    With other equations in the place of some steps, of these, and of all where one of them defines a symbol.
    """
    steps = Steps(page, equations)
    steps.anywhere()
    for program in programs(page).values() if "\n## Backward\n" in page.source else ():
        try:
            proof = Proof(page, program)
            proof.watch = steps.within
            proof.run()
        except (Unprovable, Infinite, Wrong):
            continue
    return steps.found


class Steps:
    """The steps of a page, and what has been found of them."""

    def __init__(self, page, equations=None):
        self.page, self.shapes, self.entries = page, page.shapes, page.shapes.entries
        self.made = {name for tree in page.equations.values() for name in made(tree)}
        self.axes = {axis for entry in self.entries.values() for axis in entry.axes or ()} | {"pi"}
        self.found = {id: None for id in page.displayed if id not in page.numbered}
        self.trees, self.tried = {}, {}
        for id in self.found:
            try:
                self.trees[id] = (equations or {}).get(id) or page.read(id)
            except Refused:
                continue
        defining = {id for id, tree in self.trees.items() if any(self.defines(clause.sides) for clause in tree.clauses)}
        if equations and not defining & set(equations):
            self.trees = {id: tree for id, tree in self.trees.items() if id in defining | set(equations)}
            self.found = dict.fromkeys(equations)

    def defines(self, sides):
        """Does a clause say what a symbol is, that the table lists and that nothing else makes?"""
        left = sides[0]
        return isinstance(left, Symbol) and self.own(left.name) and left.name not in names_in(sides[1])

    def own(self, name):
        entry = self.entries.get(name)
        return entry is not None and not (entry.code or entry.constant or entry.differentiable or name in self.made)

    def anywhere(self):
        """Look at the steps with any numbers in the place of all symbols."""
        moving = {name for name, entry in self.entries.items() if not entry.constant}
        meaning = Meaning(self.shapes, moving)
        self.look(meaning, {}, lambda name: self.shapes.entry(name) is not None and not self.own(name))

    def within(self, proof):
        """Look at the steps at this place of a derivation."""

        def given(name):
            entry = self.shapes.entry(name)
            constant = entry is not None and (entry.constant or entry.axes is None)
            return constant or name in proof.inputs or (entry and name[:1] == "d" and name not in self.made)

        self.look(proof.meaning, proof.by, given)

    def look(self, meaning, by, given):
        """Look at the steps of which all symbols have a meaning, and another one than they had before."""
        for id, tree in self.trees.items():
            clauses = sorted((renamed(clause.sides, by) for clause in tree.clauses), key=self.defines, reverse=True)
            done = self.found.get(id) == "proved" and not self.defines(clauses[0])
            if not done and self.changed(id, clauses, meaning):
                try:
                    kind = self.judged(clauses, meaning, given)
                except (Unprovable, Infinite):
                    continue
                if id in self.found:
                    self.found[id] = min(filter(None, (kind, self.found[id])), key=KINDS.index, default=None)

    def changed(self, id, clauses, meaning):
        """Has a symbol another meaning than when this step was looked at before?"""
        names = set(names_in(tuple(clauses)))
        now = meaning, [item for item in meaning.defined.items() if item[0][0] in names]
        before, self.tried[id] = self.tried.get(id), now
        return before is None or before[0] is not meaning or before[1] != now[1]

    def judged(self, clauses, meaning, given):
        kinds = []
        for sides in clauses:
            defines = self.defines(sides)
            for name in set(names_in(sides[defines:])) - self.axes - set(self.shapes.letters):
                if not given(name) and not any(key[0] == name for key in meaning.defined):
                    return None
            if defines:
                meaning.define(sides[0], meaning.mean_of(sides[1]))
            first, *others = map(meaning.mean_of, sides[defines:])
            kinds += [compared(meaning, add(other, scaled(first, -1))) for other in others]
        return None if None in kinds else max(kinds, key=KINDS.index, default="defines")


def compared(meaning, difference):
    """Is a difference 0 for all values, or at least at random points?"""
    left = meaning.normal(difference)
    if not left:
        return "proved"
    return "in balls" if len(left) <= MOST and vanishes(meaning, left) else None
