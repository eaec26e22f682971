"""What is wrong at the user's own point where nothing contradicts the claim at the generic one."""

import numpy as np

from gradcheck.diagnosis.branches import FADES
from gradcheck.diagnosis.evidence import UNKNOWN, Diagnosis, Evidence
from gradcheck.diagnosis.gathering import Gathering
from gradcheck.diagnosis.seen import seen
from gradcheck.verdict.plan import tied


def elsewhere(gathering: Gathering, leaf: int, near: Evidence) -> Diagnosis:
    """Return what is said where nothing contradicts the claim at the generic point, and it is wrong at the user's own.

    That it is right there, or beside the own point, is said only where as large an error would be seen.
    """
    own = gathering.evidence(leaf, own=True)
    if own is None:
        return UNKNOWN
    if not own.bad.any():
        if gathering.compared.near.has_few_bits or not tied(own.x).any():  # of few bits no entry shows by itself
            return UNKNOWN
        text = f"{own.name} is right entry by entry, and wrong where equal entries move alike"
        return Diagnosis("special values", f"{text}: the gradient of a tie goes to one of them, or is shared out")
    contiguous = [np.ascontiguousarray(x) for x in own.point]
    if not np.array_equal(own.pull(contiguous, np.eye(len(own.claimed))), own.claimed):
        text = f"the claim for {own.name} changes with the memory layout of the inputs"
        return Diagnosis("layout", f"{text}: the code reads memory as it lies, not by index")
    if not _shows(near, own) or not _is_of_size(own):
        return Diagnosis(UNKNOWN.name, seen(own))
    beside = gathering.beside(leaf)
    if beside is None or not np.isfinite(beside.all_claimed).all():
        return Diagnosis(UNKNOWN.name, f"{own.name} is right at a generic point nearby, and wrong at the given inputs")
    if beside.bad.any():
        text = f"{own.name} is right at a generic point nearby, and wrong at the given inputs and closely beside them"
        return Diagnosis("branch", f"{text}: one case of a condition has a wrong derivative, or the condition is wrong")
    if not _shows(beside, own):
        return Diagnosis(UNKNOWN.name, f"{own.name} is right at a generic point nearby, and wrong at the given inputs")
    text = f"{own.name} is right at generic points, also closely beside the given inputs, and wrong at just these"
    return Diagnosis("special values", f"{text}: at zeros, ties or the like")


def _shows(other: Evidence, own: Evidence) -> bool:
    """Whether other evidence would show some error that is seen at the user's own point."""
    if other.slack.shape != own.slack.shape or not np.array_equal(other.at, own.at):
        return True
    return bool((other.slack < np.abs(own.error))[own.bad].any())


def _is_of_size(own: Evidence) -> bool:
    """Whether some error is a part of the slope that is seen: one that fades with the inputs is none of a condition."""
    size = np.maximum(np.abs(own.claimed), np.abs(own.numeric))
    return bool((np.abs(own.error) >= FADES * size)[own.bad].any())
