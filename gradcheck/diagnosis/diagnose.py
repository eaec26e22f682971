"""The patterns in their order, and the diagnosis of each failing array; "unknown" rather than a guess.

Each pattern looks at the claimed and the numeric derivatives and says a `Diagnosis` or None; the first
that fits is taken, so the order is from what is told by exact structure to what is told by size.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from gradcheck.diagnosis import (
    axes,
    branches,
    contracts,
    depends,
    experiments,
    inputs,
    laws,
    mixing,
    operands,
    outputs,
    pairs,
    permuted,
    products,
    rules,
    scales,
    seen,
    simple,
    steps,
    terms,
    uses,
)
from gradcheck.diagnosis.evidence import UNKNOWN, Diagnosis, Evidence
from gradcheck.diagnosis.gathering import Gathering
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.comparisons import EXPLAINED, Comparisons
from gradcheck.verdict.facts import Gradient
from gradcheck.verdict.plan import tied

STALE = 1e-3  # of the change between two points: what rounding the user's point may make
THIN = {"small"}  # guesses that another array's evidence takes the place of
UNSURE = {"nonlinear", "layout"}  # findings that a pullback makes too which is not repeatable
Pattern = Callable[[Evidence], Diagnosis | None]

PATTERNS: tuple[Pattern, ...] = (
    simple.flat,
    simple.zero,
    simple.factor,
    simple.narrow,
    simple.swapped,
    outputs.dropped,
    outputs.instead,
    outputs.exchanged,
    outputs.weighted,
    simple.sparse,
    simple.few,
    axes.transposed,
    branches.exchanged,
    branches.branch,
    uses.repeated_mean,
    uses.rows_left_out,
    steps.alone,
    steps.backwards,
    mixing.wrong_axis,
    permuted.permuted,
    permuted.reversed_in_part,
    steps.blocks,
    mixing.mixed,
    mixing.crossed,
    terms.skip,
    scales.throughout,
    terms.along_axis,
    terms.beside_direct,
    pairs.elementwise,
    uses.unused,
    axes.scaled,
    pairs.exchanged_pairs,
    rules.separable,
    uses.summed,
    pairs.border,
    pairs.pairs_made_up,
    pairs.made_up_beside,
    simple.sign,
    uses.spread,
    uses.shared_out,
    scales.by_axis,
    rules.slope,
    pairs.pairs_left_out,
    axes.symmetrised,
    pairs.entries_left_out,
    inputs.rearranged,
    products.through,
    scales.beside_direct,
    scales.by_line,
    simple.little,
    laws.law,
    laws.shares,
    scales.by_row,
    uses.multiplier,
    pairs.by_part,
    simple.duplicate,
    depends.values,
    steps.neighbour,
    depends.left_out,
    terms.constant,
    pairs.made_up,
    depends.made_up,
    experiments.mended,
    operands.outer,
    operands.added,
)


def explained(
    compared: Comparisons | None, gradients: tuple[Gradient, ...], findings: tuple[Finding, ...]
) -> tuple[Gradient, ...]:
    """Return the verdicts with a diagnosis of the first few that fail, for one bug makes many arrays wrong.

    `compared` is None where a contract is so broken that no number was.
    """
    failing = [i for i, g in enumerate(gradients) if g.verdict == "fail"][:EXPLAINED]
    gathering = Gathering(compared) if failing and compared is not None else None
    with np.errstate(all="ignore"):
        told = {i: diagnose(gathering, gradients[i], i, findings) for i in failing}
    named = {found.name for found in told.values()} - THIN - {UNKNOWN.name}
    found = list(gradients)
    for i, said in told.items():
        thin = named and said.name in (*THIN, UNKNOWN.name)
        name, sentence = (UNKNOWN.name, "") if thin else (said.name, said.sentence)
        found[i] = dataclasses.replace(gradients[i], cause=name, diagnosis=sentence)
    return tuple(found)


def diagnose(
    gathering: Gathering | None, gradient: Gradient, leaf: int, findings: Sequence[Finding]
) -> Diagnosis:
    """Return what one failing array most likely suffers from."""
    findings = [f for f in findings if f.severity == "fail" and f.array in (gradient.name, None)]
    found = contracts.broken(findings, None if gathering is None else gathering.compared)
    if gathering is None:
        return found or UNKNOWN
    if found is not None and not (found.name in UNSURE and gathering.unsteady(leaf)):
        return found
    evidence = gathering.evidence(leaf)
    if evidence is None:
        return UNKNOWN
    if not np.isfinite(evidence.all_claimed).all():
        return Diagnosis("finite", f"{gradient.name}: the claim is not finite at a generic point near the inputs")
    if not evidence.bad.any():
        return _special(gathering.evidence(leaf, own=True))
    if gathering.unsteady(leaf):
        return Diagnosis("repeat", contracts.KINDS["repeat"])
    if gathering.bends(leaf):
        return Diagnosis("nonlinear", contracts.nonlinear(gathering.compared))
    if gathering.repeats(leaf) and (own := gathering.evidence(leaf, own=True)) and _stale(evidence, own):
        text = f"the claim for {gradient.name} is right at the inputs of the first call and stays the same at others"
        return Diagnosis("stale", f"{text}: residuals are kept from an earlier call")
    found = next((found for pattern in PATTERNS if (found := pattern(evidence))), None)
    return found or Diagnosis(UNKNOWN.name, seen.seen(evidence))


def _special(own: Evidence | None) -> Diagnosis:
    if own is None:
        return UNKNOWN
    if not own.bad.any():
        if not tied(own.x).any():
            return UNKNOWN
        text = f"{own.name} is right entry by entry, and wrong where equal entries move alike"
        return Diagnosis("special values", f"{text}: the gradient of a tie goes to one of them, or is shared out")
    contiguous = [np.ascontiguousarray(x) for x in own.point]
    if not np.array_equal(own.pull(contiguous, np.eye(len(own.claimed))), own.claimed):
        text = f"the claim for {own.name} changes with the memory layout of the inputs"
        return Diagnosis("layout", f"{text}: the code reads memory as it lies, not by index")
    return Diagnosis(
        "special values",
        f"{own.name} is right at a generic point nearby, and wrong at these very inputs: at zeros, ties or the like",
    )


def _stale(near: Evidence, own: Evidence) -> bool:
    """Whether the gradient changes from the user's point to the one nearby, and the claim is that of the first."""
    if near.numeric.shape != own.numeric.shape:
        return False
    change = np.abs(near.numeric - own.numeric)
    moves = float(change.max(initial=0))
    return bool((change > near.slack + own.slack).any() and (np.abs(own.error) <= own.slack + STALE * moves).all())
