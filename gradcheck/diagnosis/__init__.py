"""What a failing gradient most likely suffers from, in one sentence with the evidence; "unknown" rather than a guess.

Each pattern looks at the claimed and the numeric derivatives and says a `Diagnosis` or None; the first
that fits is taken, so the order is from what is told by exact structure to what is told by size.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.diagnosis import axes, contracts, pairs, rules, scales, simple, terms, uses
from gradcheck.diagnosis.evidence import UNKNOWN, Diagnosis, Evidence, Gathering

if TYPE_CHECKING:
    from gradcheck.examination import Examination
    from gradcheck.report import Gradient

EXPLAINED = 4  # wrong arrays whose entries are located, mapped and diagnosed
Pattern = Callable[[Evidence], Diagnosis | None]

PATTERNS: tuple[Pattern, ...] = (
    simple.flat,
    simple.zero,
    simple.factor,
    simple.swapped,
    simple.sparse,
    simple.few,
    axes.transposed,
    rules.exchanged,
    rules.branch,
    uses.repeated_mean,
    uses.rows_left_out,
    axes.wrong_axis,
    axes.permuted,
    terms.skip,
    terms.along_axis,
    pairs.elementwise,
    uses.unused,
    pairs.exchanged_pairs,
    uses.spread,
    pairs.border,
    pairs.pairs_made_up,
    simple.sign,
    rules.slope,
    pairs.pairs_left_out,
    axes.symmetrised,
    pairs.entries_left_out,
    axes.other_input_transposed,
    pairs.by_index,
    simple.little,
    terms.law,
    scales.by_row,
    uses.multiplier,
    rules.separable,
    pairs.by_part,
    terms.constant,
    terms.extra_law,
    pairs.made_up,
)


def diagnose(
    examination: "Examination", gradient: "Gradient", leaf: int, gathering: Gathering | None = None
) -> Diagnosis:
    """Return what one failing array most likely suffers from."""
    findings = [f for f in examination.findings if f.severity == "fail" and f.array in (gradient.name, None)]
    found = contracts.broken(examination, findings)
    if found is not None:
        return found
    if not hasattr(examination, "at_near"):
        return UNKNOWN  # a contract so broken that no number was compared
    gathering = gathering or Gathering(examination)
    evidence = gathering.evidence(leaf)
    if evidence is None:
        return UNKNOWN
    if not np.isfinite(evidence.all_claimed).all():
        return Diagnosis("finite", f"{gradient.name}: the claim is not finite at a generic point near the inputs")
    if not evidence.bad.any():
        return _special(gathering.evidence(leaf, own=True))
    if gathering.repeats(leaf) and (own := gathering.evidence(leaf, own=True)) and _right(own):
        text = f"the claim for {gradient.name} is right at the inputs of the first call and stays the same at others"
        return Diagnosis("stale", f"{text}: residuals are kept from an earlier call")
    return next((found for pattern in PATTERNS if (found := pattern(evidence))), UNKNOWN)


def _special(own: Evidence | None) -> Diagnosis:
    if own is None or not own.bad.any():
        return UNKNOWN
    contiguous = [np.ascontiguousarray(x) for x in own.point]
    if not np.array_equal(own.pull(contiguous, np.eye(len(own.claimed))), own.claimed):
        text = f"the claim for {own.name} changes with the memory layout of the inputs"
        return Diagnosis("layout", f"{text}: the code reads memory as it lies, not by index")
    return Diagnosis(
        "special values",
        f"{own.name} is right at a generic point nearby, and wrong at these very inputs: at zeros, ties or the like",
    )


def _right(own: Evidence) -> bool:
    """Whether the claim is that of the user's point, which the check rounds to a few bits less."""
    return bool((np.abs(own.error) <= own.slack + 1e-6 * np.abs(own.numeric).max(initial=0)).all())


def explain(examination: "Examination", gradients: list["Gradient"]) -> None:
    """Give the failing gradients their diagnosis: the first few, for one bug makes many arrays wrong."""
    failing = [(i, g) for i, g in enumerate(gradients) if g.verdict == "fail"][:EXPLAINED]
    gathering = Gathering(examination) if failing else None
    for leaf, gradient in failing:
        with np.errstate(all="ignore"):
            found = diagnose(examination, gradient, leaf, gathering)
        gradient.cause, gradient.diagnosis = found.name, found.sentence
