"""What the claim depends on, beside what the gradient depends on: found by moving one input array at a time."""

from collections.abc import Callable

import numpy as np

from gradcheck.diagnosis.axes import level
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal

MOST = 6  # arrays that are moved
SAME = 1e-12  # of the largest entry
APART = 1e-6


def left_out(e: Evidence) -> Diagnosis | None:
    """The claim does not change with an array that the gradient changes with."""
    for k, claims, gradients in _changes(e):
        if claims or not gradients:
            continue
        if k == e.leaf:
            text = f"the claim for {e.name} does not change when {e.name} does, the numeric gradient does"
            why = "the derivative of a nonlinear function on the way, or a term that holds it, is left out"
            return Diagnosis("left out", f"{text}: {why}", sure=False)
        text = f"the numeric gradient of {e.name} changes with {e.names[k]}, the claim does not"
        return Diagnosis("left out", f"{text}: a factor or a term with {e.names[k]} is left out", sure=False)
    return None


def made_up(e: Evidence) -> Diagnosis | None:
    """The claim changes with an array that the gradient does not change with."""
    for k, claims, gradients in _changes(e):
        if claims and gradients is False:
            text = f"the claim for {e.name} changes with {e.names[k]}, the numeric gradient does not"
            return Diagnosis("too much", f"{text}: a factor or a term with {e.names[k]} is too much", sure=False)
    return None


def values(e: Evidence) -> Diagnosis | None:
    """The output is linear in the array, dy is used in the right places, with other numbers beside it."""
    if not (e.unit and e.whole) or diagonal(e) is not None or e.wrong.mean() <= 0.5:
        return None
    there = ~e.no(e.numeric)
    if not np.array_equal(there, e.claimed != 0) or there.sum() <= len(e.numeric) or there.sum() < 4:
        return None
    if next(((c, t) for k, c, t in _changes(e) if k == e.leaf), None) != (False, False):
        return None
    got, want = e.claimed[there], e.numeric[there]
    with np.errstate(all="ignore"):
        for said, function in FUNCTIONS.items():
            if np.allclose(function(got), want, rtol=1e-8, atol=0):
                why = f"they are the values before {said}, where those after it belong"
                return Diagnosis("value", f"{e.name}: {_beside(e)}: {why}")
            if np.allclose(function(want), got, rtol=1e-8, atol=0):
                why = f"they are the values after {said}, where those before it belong"
                return Diagnosis("value", f"{e.name}: {_beside(e)}: {why}")
    if (axis := _weighted(e)) is not None:
        text = f"the weights of a sum, the same for each index of axis {axis}, are wrong"
        return Diagnosis("value", f"{e.name}: {_beside(e)}: {text}", sure=False)
    return None


def _weighted(e: Evidence) -> int | None:
    """Return an axis of the array along which claims and gradients are the same numbers, each index by itself."""
    for p, n in enumerate(e.outputs) if len(e.parts) == 1 else ():
        for q in (q for q, m in enumerate(e.shape) if m == n > 1):
            axes = p, len(e.outputs) + q
            a, t = (np.moveaxis(v.reshape(*e.outputs, *e.shape), axes, (0, 1)) for v in (e.claimed, e.numeric))
            off = ~np.eye(n, dtype=bool)
            alone = not a[off].any() and (np.abs(t[off]) <= e.slack.max()).all()
            if alone and level(a[~off], 0) and level(t[~off], 0):
                return q
    return None


def _beside(e: Evidence) -> str:
    return f"the output is linear in {e.name}, and dy is used in the right places but with wrong numbers beside it"


FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "a sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "a softplus": lambda x: np.log1p(np.exp(x)),
    "a sigmoid linear unit": lambda x: x / (1 + np.exp(-x)),
    "an exponential": np.exp,
    "a logarithm": np.log,
    "a square": np.square,
    "a root": np.sqrt,
    "a sine": np.sin,
}


def _changes(e: Evidence) -> list[tuple[int, bool, bool | None]]:
    """Return for each array whether claim and gradient change with it; None where that is not clear."""
    found = []
    for k in [e.leaf, *(i for i in range(len(e.point)) if i != e.leaf)][:MOST]:
        other = e.moved(k) if e.whole else None
        if other is None or other.claimed.shape != e.claimed.shape or not np.isfinite(other.claimed).all():
            continue
        claims = bool((np.abs(other.claimed - e.claimed) > SAME * np.abs(e.claimed).max(initial=0)).any())
        gap, slack = np.abs(other.numeric - e.numeric), e.slack + other.slack
        clear = bool((gap > 4 * slack + APART * np.abs(e.numeric).max(initial=0)).any())
        found.append((k, claims, True if clear else False if (gap <= slack).all() else None))
    return found
