"""A broken contract is its own diagnosis; of a pullback that is not linear in dy, what it does with dy."""

from collections.abc import Sequence

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.comparisons import Comparisons

KINDS = {
    "mutation": "an array that belongs to the caller is written to",
    "alias": "a buffer is handed out and used again: copy it, or allocate a new one each time",
    "identity": "what was made of dy is kept under its identity, as a key id(dy) or `dy is last` does: compute it anew",
    "repeat": "a call leaves state to the next: the pullback counts, adds up or uses up what it keeps, or draws anew",
    "stale": "residuals are kept where the next forward pass overwrites them",
    "kept": "what the first step keeps is used in all later ones: make residuals anew in each forward pass",
    "raises": "the pullback uses up what it needs when it is called again, or does not take every memory layout",
    "dtype": "a gradient is of another type than its array",
    "shape": "a gradient is not brought back to its array's shape (not summed, not reshaped, an axis left or lost)",
    "count": "the pullback returns another number of gradients than there are inputs",
    "missing": "the pullback leaves out a gradient",
    "layout": "the code reads memory as it lies, not by index (ravel, reshape or a view in another order)",
    "finite": "a division by zero, or infinity times zero, in the backward pass: guard it before it is multiplied away",
    "forward": "forward and vjp are two versions of the layer that differ",
    "precision": "the narrow version loses more than rounding: a sum or a difference in too few bits",
}
LINEARITY = ("homogeneous", "additive")  # what is done to dy is said of these
BESIDE = ("handling",)  # what is left to the session: no number is wrong by it
CLOSE = 1e-9
WITHOUT_DY = "a term without dy is added: the claim for dy = 0 is not 0"
TINY = 2.0**-40  # a scale of dy, far below what is clipped


def broken(findings: Sequence[Finding], compared: Comparisons | None) -> Diagnosis | None:
    """Return the diagnosis of an array's contract findings, the first that explains it."""
    kinds = [f.kind for f in findings]
    if "layout" in kinds and any(kind in LINEARITY for kind in kinds):
        return Diagnosis("repeat", KINDS["repeat"])  # what differs between any two calls is neither
    for kind, why in KINDS.items():
        if kind in kinds:
            return Diagnosis(kind, why)
    if compared is not None and any(kind in LINEARITY for kind in kinds):
        return Diagnosis("nonlinear", nonlinear(compared))
    return None


def nonlinear(compared: Comparisons) -> str:
    """Say what is done to dy, from the answers to -dy, 2 dy, large and small dy."""
    problem, place = compared.near.problem, compared.own
    g = place.g[:1]
    if not g.size:
        return WITHOUT_DY
    powers = np.array([1.0, -1.0, 2.0, 0.0, 2.0**12, 2.0**-12, TINY])
    with np.errstate(all="ignore"):
        found = problem.gradients(place.point, powers[:, None] * g)
    rows = np.concatenate([d.reshape(len(powers), -1) for d in found], axis=1)
    with np.errstate(all="ignore"):
        alone = np.concatenate([d.ravel() for d in problem.gradients(place.point, 2 * g)])
    one, minus, two, none, large, small, tiny = rows
    if _same(alone, 2 * one) and not _same(two, 2 * one):
        return "the dy of an earlier call is remembered and used again"
    if _same(two, one) and _same(tiny, one):  # what is clipped, or has its norm clipped, is not where it is tiny
        return "dy is ignored" if _same(minus, one) else "only the sign of dy, or dy over its own size, is used"
    if _same(two, 4 * one):
        return "dy is used twice: the claim grows with its square"
    if none.any() and _same(two - none, 2 * (one - none)):
        return WITHOUT_DY
    if _same(minus, one) or (_same(two, 2 * one) and not _same(minus, -one)):
        return "the sign of dy matters: an absolute value, a maximum or a mask made of dy"
    if not _same(large, 2.0**12 * one) or not _same(2.0**12 * small, one):
        return "dy is clipped, thresholded or normalised: the claim is not proportional to it at every size"
    return "the claim is not linear in dy"


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).max() <= CLOSE * np.abs(b).max())
