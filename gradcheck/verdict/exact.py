"""What balls say of each array beside the differences, which stay the arbiter of the code as it runs."""

import dataclasses
import math
from collections.abc import Sequence

from gradcheck.exact.answers import DIFFERS, Exact
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.facts import Gradient

CONTRADICTED = "balls and differences contradict each other: what runs on balls is not what runs on floats"
CLEARLY = 10  # bars
WRONG = "wrong by balls"


def with_exact(
    gradients: Sequence[Gradient], answers: Sequence[Exact], notes: Sequence[Finding], noise: float
) -> tuple[tuple[Gradient, ...], tuple[Finding, ...]]:
    """Return the verdicts with the answers, and what there is to say of both.

    A difference that lies within the bar of real differences fails: no float shows it.  One that these would have
    seen, and did not, leaves the verdict open, as does nothing else that balls say.  What a solver is declared to leave
    open (`noise`) is no difference.
    """
    found, findings = [], list(notes)
    for gradient, answer in zip(gradients, answers, strict=True):
        gradient = dataclasses.replace(gradient, exact=answer)
        name = gradient.name
        if answer.is_proof and gradient.verdict == "fail" and not gradient.reason:
            said = f"{name}: balls say {answer}, differences contradict it: the formula holds, its floats do not"
            findings.append(Finding("exact", said, "note", name))
        elif answer.answer == DIFFERS and not _is_open(answer, noise) and gradient.verdict != "fail":
            would_be_seen = gradient.verdict == "pass" and _is_seen(answer, gradient)
            verdict, reason = ("inconclusive", CONTRADICTED) if would_be_seen else ("fail", "")
            findings.append(Finding("exact", f"{name}: {CONTRADICTED if would_be_seen else answer}", verdict, name))
            gradient = dataclasses.replace(gradient, verdict=verdict, reason=reason or WRONG)
        found.append(gradient)
    return tuple(found), tuple(findings)


def _is_open(answer: Exact, noise: float) -> bool:
    return answer.relative is not None and answer.relative <= noise


def _is_seen(answer: Exact, gradient: Gradient) -> bool:
    """Whether differences would have shown it: along a direction in which all entries move, one is the less seen."""
    bar = math.inf if gradient.bar is None else gradient.bar * math.sqrt(math.prod(gradient.shape))
    return answer.apart is not None and answer.apart > CLEARLY * bar
