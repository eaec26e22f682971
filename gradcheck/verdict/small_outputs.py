"""Output arrays that are far smaller than the largest one, whose roundings hide all that these show.

Cotangents are of one size for all outputs.  Beside logits of size 1 an auxiliary loss of 1e-15 is a rounding of <g, f>,
and a gradient that is forgotten there one of the claims.  So such arrays are compared once more, alone.  What they are
made of may have cancelled: an array that roundings of the inputs change as a whole, or that moves in few steps of a
larger number's roundings, is not compared, and that is said.  Of one that moves in more of them a contradiction decides
nothing: next to a kink they are wider than the way to it.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.numeric.points import jittered
from gradcheck.precision.formats import unit_roundoff
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import output_names
from gradcheck.subjects.part import Part
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.comparisons import Comparisons
from gradcheck.verdict.facts import Gradient
from gradcheck.verdict.places import Places, choose
from gradcheck.verdict.refused import compared
from gradcheck.verdict.verdicts import Verdicts, conclude_all

SMALL = 2.0**-30  # of the largest entry of all outputs
LEAST = 2.0**-940  # the size of an array: differences of smaller ones leave the range of normal numbers
SPREADS = 0.0, 0.0, 2.0**-36, 2.0**-26, 2.0**-16, 2.0**-10, 2.0**-4  # of the inputs; 0: some roundings
RESIDUE = 2.0**-6  # of the largest entry of an array: one that changes by more at first is made of roundings
COARSE = 2.0**-18  # the same: right slopes of |x| were contradicted at 2^-12.6 and more, none of 569 others
ROUNDOFFS = 64  # and by what the format has anyway
UNDECIDED = "differences of an output far smaller than others contradict it, which moves in steps of roundings"
ANSWERED = "resolution", "vacuous"  # findings of a check in which nothing was seen

Gradients = tuple[Gradient, ...]
Findings = tuple[Finding, ...]


@dataclasses.dataclass(frozen=True)
class Output:
    """One array of the output."""

    place: int  # among all of them
    name: str
    size: int
    top: float  # its largest entry
    change: float  # what roundings of the inputs make of it, at most
    first: float  # and what the smallest changes of these do that it shows


def alone(
    problem: Problem, places: Places, found: Gradients, mapper: Callable, seed: int, rng: np.random.Generator
) -> Iterator[tuple[Comparisons | None, Verdicts]]:
    """Yield what is compared of outputs that are far smaller than others, unless all arrays have failed.

    Where all are of similar size, or there is only one, nothing is asked.  Of residues it is said that they are not.
    """
    y = np.maximum(np.abs(places.own.y), np.abs(places.near.y))
    is_small = (y >= LEAST) & (y < SMALL * y.max(initial=0))
    if not is_small.any() or all(g.verdict == "fail" for g in found):
        return
    coarse = max(COARSE, ROUNDOFFS * unit_roundoff([places.own.y[~is_small], places.near.y[~is_small]]))
    output = problem.output(places.own.point)
    groups, residues = _far_smaller(_outputs(problem, places, output, y, rng))
    if residues:
        yield None, Verdicts((), (_note(residues, "and moves in few steps: not compared alone"),))
    for group in groups:
        part = problem.changed(subject=Part(problem.subject, output, [x.place for x in group]))
        where = choose(part, sum(x.size for x in group), rng)
        rounding = max(2 * where.u * group[0].top, *(x.change for x in group))
        _, comparisons = compared(part, where, rounding, mapper, rng)
        if comparisons is not None:
            verdicts = conclude_all(comparisons, seed, rng)
            if any(x.first > coarse * x.top for x in group):
                verdicts = _undecided(verdicts)
            findings = (_note(group, "and compared alone as well"), *verdicts.findings)
            yield comparisons, dataclasses.replace(verdicts, findings=findings)


def _undecided(verdicts: Verdicts) -> Verdicts:
    """Return the verdicts without failures of what moves in steps."""
    gradients = (
        dataclasses.replace(g, verdict="inconclusive", reason=UNDECIDED) if g.verdict == "fail" else g
        for g in verdicts.gradients
    )
    findings = (
        Finding("resolution", f"{f.array}: {UNDECIDED}", "inconclusive", f.array) if f.severity == "fail" else f
        for f in verdicts.findings
    )
    return Verdicts(tuple(gradients), tuple(findings))


def _note(outputs: list[Output], said: str) -> Finding:
    return Finding("small", f"{', '.join(x.name for x in outputs)}: far smaller than another output, {said}", "note")


def _outputs(problem: Problem, places: Places, output: object, y: np.ndarray, rng: np.random.Generator) -> list[Output]:
    """Return all arrays of the output, the largest first; no roundings are asked for where none is far smaller."""
    parts = [(name, int(np.prod(shape))) for name, shape in output_names(output)]
    cuts = np.cumsum([size for _, size in parts])[:-1]
    tops = [float(x.max(initial=0)) for x in np.split(y, cuts)]
    changes = np.zeros((len(SPREADS), len(parts)))
    if any(LEAST <= top < SMALL * max(tops) for top in tops):
        changes = np.array([[x.max(initial=0) for x in np.split(row, cuts)] for row in _changes(problem, places, rng)])
    largest = changes[np.array(SPREADS) == 0].max(axis=0)
    first = changes[np.argmax(changes > 0, axis=0), np.arange(len(parts))]
    found = [Output(i, *part, tops[i], float(largest[i]), float(first[i])) for i, part in enumerate(parts)]
    return sorted(found, key=lambda x: -x.top)


def _changes(problem: Problem, places: Places, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield by how much outputs change (m,) with inputs nearby, of every spread; nothing where these leave the domain.

    What moves in steps changes at first by a whole one.
    """
    near = places.near
    for spread in SPREADS:
        y = problem.attempt(jittered(near.point, rng, spread or places.u), near.y.size)
        yield np.nan_to_num(np.abs(y - near.y), posinf=0)


def _far_smaller(outputs: list[Output]) -> tuple[list[list[Output]], list[Output]]:
    """Return outputs that are far smaller than those before, together where they are of similar size; and residues."""
    groups, residues = list[list[Output]](), list[Output]()
    while outputs:
        similar = [x for x in outputs if x.top >= SMALL * outputs[0].top]
        outputs = [x for x in outputs[len(similar) :] if x.top >= LEAST]
        small = [x for x in outputs if x.top >= SMALL * outputs[0].top]
        residues += [x for x in small if x.first > RESIDUE * x.top]
        if group := [x for x in small if x.first <= RESIDUE * x.top]:
            groups.append(group)
    return groups, residues


def joined(gradients: Gradients, findings: Findings, others: Gradients, said: Findings) -> tuple[Gradients, Findings]:
    """Return the verdicts with `others`, on smaller outputs alone, and what there is to say; these may be none.

    An array fails where it does on either.  Of one that moves the larger outputs by nothing the others tell more.
    """
    pairs = list(zip(gradients, others or gradients, strict=True))
    taken = {g.name for g, other in pairs if _tells_more(g, other)}
    kept = [f for f in findings if not (taken and f.kind in ANSWERED and f.array in {None, *taken})]
    more = [f for f in said if f.kind == "small" or f.array in taken]
    more += [_left_open(g) for g, other in pairs if g.name not in taken and g.verdict == "pass" != other.verdict]
    return tuple(other if g.name in taken else g for g, other in pairs), (*kept, *more)


def _left_open(g: Gradient) -> Finding:
    return Finding("small", f"{g.name}: how it moves the smaller outputs was not resolved", "note", g.name)


def _tells_more(whole: Gradient, alone: Gradient) -> bool:
    """Whether what is found of the smaller outputs alone is the verdict on an array."""
    if alone.verdict == "fail":
        return whole.verdict != "fail"
    is_zero = whole.verdict == "pass" and whole.digits is None
    return is_zero and (alone.digits is not None or alone.verdict == "inconclusive")
