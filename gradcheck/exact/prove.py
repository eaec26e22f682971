"""Whether a pullback is the transpose of the derivative, array by array, without roundings."""

import dataclasses
from collections.abc import Iterator, Sequence

import flint
import numpy as np
from flint import arb

from gradcheck.exact.answers import CONSTANTS, DIFFERS, NOT_FOLLOWED, PROVED, Exact
from gradcheck.exact.differ import differing
from gradcheck.exact.gaps import Gap, Gaps
from gradcheck.exact.known import known
from gradcheck.exact.run import Run, start, why
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import LARGE, Problem

BITS = (300, 1200)  # the second where the first leaves fewer than NEED digits
NEED = 50
FEWEST = 16  # as floats have them: what is enclosed to fewer is not called proved


def prove(problem: Problem, points: Sequence[Sequence[np.ndarray]], seed: int) -> tuple[list[Exact], list[Finding]]:
    """Return an answer for each array, and notes on the branches that were taken.

    Args:
        problem: what is checked.
        points: the user's own last, before it perhaps one that is more generic; the same one twice is one.
        seed: of the random cotangent and directions.
    """
    refused = _refusal(problem)
    if refused:
        return [Exact(NOT_FOLLOWED, reason=refused)] * len(problem.leaves), []
    notes: dict[str, Finding] = {}
    found = []
    if all(map(np.array_equal, points[0], points[-1])):
        points = points[-1:]
    for point in points:
        answers, run = _at(problem, point, seed)
        found.append(answers)
        notes |= {note.message: note for note in _notes(run)}
    return [_joined(answers) for answers in zip(*found, strict=True)], list(notes.values())


def _refusal(problem: Problem) -> str:
    if problem.subject.elsewhere:
        return problem.subject.elsewhere
    return f"arrays of more than {LARGE:,} entries" if problem.is_large else ""


def _at(problem: Problem, point: Sequence[np.ndarray], seed: int) -> tuple[list[Exact], Run | None]:
    answers, run = [Exact(NOT_FOLLOWED)], None
    for bits in BITS:
        with flint.ctx.workprec(bits), np.errstate(all="ignore"):
            try:
                run = start(problem, point, np.random.default_rng(seed))
                answers = _answers(Gaps(run, np.random.default_rng([seed, 1])))
            except Exception as error:  # whatever the user's code raises that takes no balls
                return [Exact(NOT_FOLLOWED, reason=why(error))] * len(problem.leaves), run
        if not any(a.answer == NOT_FOLLOWED or (a.digits is not None and a.digits < NEED) for a in answers):
            break
    return answers, run


def _answers(gaps: Gaps) -> list[Exact]:
    gap = gaps.of_all()
    if not gap.is_bounded:
        reason = gaps.unbounded() or f"numbers that balls of {flint.ctx.prec} bits do not hold"
        return [Exact(NOT_FOLLOWED, reason=reason)] * len(gaps.sizes)
    watch = gaps.run.watch
    if watch.straddled:
        name = ", ".join(watch.straddled)
        return [Exact(NOT_FOLLOWED, reason=f"a ball straddles a branch of {name}")] * len(gaps.sizes)
    if gap.is_closed:
        return [_proof(gap, size) for size in gaps.sizes]
    if watch.ties:
        name = ", ".join(watch.ties)
        return [Exact(NOT_FOLLOWED, reason=f"a tie in {name}, where the slope is one side's")] * len(gaps.sizes)
    for where, moved in _by_place(watch.constants):
        closed = gaps.of_all(moved)
        if closed.is_closed:
            proofs = [_proof(closed, size) for size in gaps.sizes]
            return [dataclasses.replace(p, answer=CONSTANTS, reason=where) for p in proofs]
    return [_alone(gaps, leaf) for leaf in range(len(gaps.sizes))]


def _by_place(constants: dict) -> Iterator[tuple[str, dict[float, arb]]]:
    """Yield what the constants of each function stand for, and then those of all together."""
    places = list(dict.fromkeys(constants.values()))
    each = {place: known({c: p for c, p in constants.items() if p == place}) for place in places}
    each = {place: moved for place, moved in each.items() if moved}
    yield from each.items()
    if len(each) > 1:
        yield ", ".join(each), known(constants)


def _alone(gaps: Gaps, leaf: int) -> Exact:
    """Return the answer for one array where not all are proved."""
    gap = gaps.of(leaf)
    if gap.is_closed:
        return _proof(gap, gaps.sizes[leaf])
    return differing(gaps, leaf, gap)


def _proof(gap: Gap, size: arb) -> Exact:
    if size.is_zero():
        return Exact(PROVED)
    digits = gap.digits(size)
    if digits < FEWEST:
        return Exact(NOT_FOLLOWED, reason=f"balls of {flint.ctx.prec} bits are too wide beside the gradient")
    return Exact(PROVED, digits=digits)


def _joined(answers: Sequence[Exact]) -> Exact:
    """Return what holds at all points: a difference at any of them, or else what is proved at the last."""
    different = [a for a in answers if a.answer == DIFFERS]
    if different:
        return different[0]
    *others, own = answers
    proofs = [a for a in others if a.is_proof]
    if own.is_proof or not proofs:
        return next((a for a in proofs if a.answer == CONSTANTS), own) if own.is_proof else own
    near_by = str(proofs[0]).replace("here", "near by")
    return dataclasses.replace(own, reason=f"{own.reason}; {near_by}")


def _notes(run: Run | None) -> Iterator[Finding]:
    if run is None:
        return
    for said, counts in (
        ("branches were decided by the midpoints of balls", run.watch.decided),
        ("a ball straddles a branch", run.watch.straddled),
        ("a branch has a tie", run.watch.ties),
    ):
        if counts:
            names = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
            yield Finding("exact", f"{said}: {names}", "note")
