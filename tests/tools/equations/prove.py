"""Backward is the transpose of the derivative of Forward: <dy, change of y> - sum <dx, change of x> is 0.

The difference is put into normal form: where nothing is left of it, it is 0 for all shapes and values.
"""

from dataclasses import dataclass

from equations.atoms import Unprovable
from equations.calls import Wrong
from equations.meaning import Infinite
from equations.points import counterexample, vanishes
from equations.programs import programs
from equations.proof import Proof


@dataclass(frozen=True)
class Verdict:
    """What is said of a program: "proved" for all, "in balls", "not provable" here (why), "refuted" (where)."""

    kind: str
    why: str = ""
    ids: tuple = ()


def prove(page, equations=None):
    """A verdict for every program of a page."""
    verdicts = {}
    for example, program in programs(page).items():
        ids = program.forward + program.backward
        try:
            proof = Proof(page, program, equations)
            verdicts[example] = judged(proof, proof.run(), "", ids)
        except Wrong as wrong:
            verdicts[example] = judged(proof, wrong.left, f"{wrong}: ", ids)
        except (Unprovable, Infinite) as why:
            verdicts[example] = Verdict("not provable", str(why) or "a value that is not finite", ids)
    return verdicts


def judged(proof, left, before, ids):
    """What is left, in a word: nothing, what is not 0 at small integers, or what may be 0 and is not seen to be."""
    if not left:
        return Verdict("proved", ids=ids)
    found = counterexample(proof.meaning, left)
    if found:
        return Verdict("refuted", before + found, ids)
    if vanishes(proof.meaning, left):
        return Verdict("in balls", f"{len(left)} terms are left, which are 0 at random points", ids)
    return Verdict("not provable", f"{before}{len(left)} terms are left", ids)
