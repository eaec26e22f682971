"""The diagnosis of each failing array, and of all of them together; "unknown" rather than a guess."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from gradcheck.diagnosis import bits, contracts, seen, simple
from gradcheck.diagnosis.elsewhere import elsewhere
from gradcheck.diagnosis.evidence import UNKNOWN, Diagnosis, Evidence
from gradcheck.diagnosis.gathering import Gathering
from gradcheck.diagnosis.patterns import PATTERNS, PLAIN, TWICE, WEAKER, Pattern
from gradcheck.diagnosis.smaller import smaller
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.comparisons import EXPLAINED, Comparisons
from gradcheck.verdict.facts import Gradient

STALE = 1e-3  # of the change between two points: what rounding the user's point may make
UNSURE = {"nonlinear", "layout"}  # findings that a pullback makes too which is not repeatable


def explained(
    compared: Comparisons | None, gradients: tuple[Gradient, ...], findings: tuple[Finding, ...]
) -> tuple[Gradient, ...]:
    """Return the verdicts with a diagnosis of the first few that fail, for one bug makes many arrays wrong.

    `compared` is None where a contract is so broken that no number was.
    """
    wrong = [i for i, g in enumerate(gradients) if g.verdict == "fail"]
    failing = wrong[:EXPLAINED]
    gathering = Gathering(compared) if failing and compared is not None else None
    with np.errstate(all="ignore"):
        told = {i: diagnose(gathering, gradients[i], i, findings) for i in failing}
        told = _agreed(told, gathering)
        if compared is not None and gathering is not None and gathering.is_sampled:
            told = _of_smaller(told, compared, gathering, gradients)
    found = list(gradients)
    for i in wrong:
        plain = "" if compared is None else seen.compared(gradients[i].name, compared.of[i])
        said = told.get(i, UNKNOWN)
        found[i] = dataclasses.replace(gradients[i], cause=said.name, diagnosis=said.sentence or plain)
    return tuple(found)


def _agreed(told: dict[int, Diagnosis], gathering: Gathering | None) -> dict[int, Diagnosis]:
    """Return what is said of all arrays: one step that explains them all goes before several causes.

    Where one is sure of a cause, others are not told a guess beside it.
    """
    if gathering is not None and len({found.name for found in told.values() if found}) > 1 and gathering.steps.whole:
        return {i: gathering.steps.of.get(i, found) for i, found in told.items()}
    sure = [found for found in told.values() if found and found.sure]
    guesses = Counter(found.name for found in told.values() if found).most_common(1)
    kept = {found.name for found in sure} or {name for name, _ in guesses}
    agreed = {}
    for i, found in told.items():
        evidence = gathering.evidence(i) if found and found.name not in kept and gathering is not None else None
        agreed[i] = found if evidence is None else Diagnosis(UNKNOWN.name, seen.seen(evidence))
    return agreed


def _of_smaller(
    told: dict[int, Diagnosis], compared: Comparisons, gathering: Gathering, gradients: tuple[Gradient, ...]
) -> dict[int, Diagnosis]:
    """Return what is said, for arrays of which nothing is, of the same layer with shorter axes, if that fails alike."""
    unnamed = [i for i, found in told.items() if not found]
    shorter = smaller(compared) if unnamed else None
    if shorter is None:
        return told
    small, sizes = Gathering(shorter), [(leaf.name, leaf.value.shape) for leaf in shorter.near.problem.leaves]
    right = [i for i, gradient in enumerate(gradients) if gradient.verdict == "pass"]
    if not all(_fails_alike(gathering, small, i) for i in unnamed) or any(_is_wrong(small, i) for i in right):
        return told
    said = _agreed({i: _shown(small, i) for i in unnamed}, small)
    cut = ", ".join(f"{name} {list(shape)}" for name, shape in sizes)
    named = {i: found for i, found in said.items() if found}
    return told | {i: dataclasses.replace(x, sentence=f"{x.sentence} (at {cut})") for i, x in named.items()}


def _fails_alike(gathering: Gathering, small: Gathering, leaf: int) -> bool:
    """Whether an array is wrong in the smaller layer, and not for a reason that was excluded in the large one."""
    large, evidence = gathering.evidence(leaf), small.evidence(leaf)
    if evidence is None or not np.isfinite(evidence.all_claimed).all() or not evidence.bad.any():
        return False
    return large is None or not any(pattern(evidence) for pattern in PLAIN)


def _is_wrong(gathering: Gathering, leaf: int) -> bool:
    evidence = gathering.evidence(leaf)
    return evidence is not None and bool(evidence.bad.any())


def diagnose(
    gathering: Gathering | None, gradient: Gradient, leaf: int, findings: Sequence[Finding]
) -> Diagnosis:
    """Return what one failing array most likely suffers from."""
    findings = [f for f in findings if f.severity == "fail" and f.array in (gradient.name, None)]
    found = contracts.broken(findings, None if gathering is None else gathering.compared)
    if gathering is None:
        return found or UNKNOWN
    if not gathering.near.y.size:  # there is no derivative to hold the claim against
        return found or Diagnosis("nonlinear", contracts.WITHOUT_DY)
    if found is not None and found.name in UNSURE and (evidence := gathering.evidence(leaf)) is not None:
        found = bits.few(gathering.calls, evidence) or bits.rounded(evidence) or found
    if found is not None and found.name == "raises" and _is_wrong(gathering, leaf):
        found = None  # what raises gives no wrong numbers
    if found is not None and not (found.name in UNSURE and gathering.calls.unsteady(leaf)):
        return found
    return _shown(gathering, leaf)


def _shown(gathering: Gathering, leaf: int) -> Diagnosis:
    """Return what the claims and the numeric derivatives of an array tell."""
    evidence = gathering.evidence(leaf)
    if evidence is None:
        return UNKNOWN
    if not np.isfinite(evidence.all_claimed).all():
        return Diagnosis("finite", f"{evidence.name}: the claim is not finite at a generic point near the inputs")
    if (few := bits.few(gathering.calls, evidence)) is not None:
        return few
    if not (evidence.all_claimed.any() or (evidence.bad.any() and evidence.clear)):  # of few bits, which show no entry
        text = f"no gradient reaches {evidence.name}: the claim is 0 everywhere, and y changes with it"
        return Diagnosis("zero", text)
    if not evidence.bad.any():
        return elsewhere(gathering, leaf, evidence)
    if gathering.calls.unsteady(leaf):
        return Diagnosis("repeat", contracts.KINDS["repeat"])
    if gathering.calls.bends(leaf):
        return Diagnosis("nonlinear", contracts.nonlinear(gathering.compared))
    if gathering.calls.repeats(leaf) and (own := gathering.evidence(leaf, own=True)) and _stale(evidence, own):
        text = f"the claim for {evidence.name} is right at the inputs of the first call and stays the same at others"
        return Diagnosis("stale", f"{text}: residuals are kept from an earlier call")
    if not evidence.clear:
        text = f"{evidence.name}: the claim is off by {simple.part(evidence):.1e} of the gradient's size"
        return Diagnosis("small", f"{text}, too little beside what roundings may be to say why", sure=False)
    return _pattern(gathering, evidence) or Diagnosis(UNKNOWN.name, seen.seen(evidence))


def _pattern(gathering: Gathering, evidence: Evidence) -> Diagnosis | None:
    """Return the first pattern that fits.

    Before a weaker one goes a step of the forward pass that explains all arrays; if there is none, the pattern must
    fit where this array has other values, too.
    """
    for pattern in PATTERNS:
        found = pattern(evidence)
        if found and pattern in WEAKER and gathering.steps.whole:
            return gathering.steps.of.get(evidence.leaf, found)
        if found and (pattern not in TWICE or _again(pattern, found, evidence.moved(evidence.leaf))):
            return found
    return gathering.steps.of.get(evidence.leaf)


def _again(pattern: Pattern, found: Diagnosis, other: Evidence | None) -> bool:
    """Whether a pattern says the same of other evidence, if there is any."""
    if other is None or not np.isfinite(other.all_claimed).all():
        return True
    again = pattern(other)
    return again is not None and again.name == found.name


def _stale(near: Evidence, own: Evidence) -> bool:
    """Whether the gradient changes from the user's point to the one nearby, and the claim is that of the first."""
    if near.numeric.shape != own.numeric.shape:
        return False
    change = np.abs(near.numeric - own.numeric)
    moves = float(change.max(initial=0))
    return bool((change > near.slack + own.slack).any() and (np.abs(own.error) <= own.slack + STALE * moves).all())
