"""What flows through a product is the same on both sides: sum(x dx) = sum(w dw) for every output of f(x w).

So of an array with several paths, the one that is left out, or counted wrongly, is told by the array on its other side.
"""

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal

FEWEST = 4  # outputs, without which one number may fit by chance
PARTS = 8  # that an axis is cut into, at most
FIT = 1e-7  # of the largest: what may be left over


def through(e: Evidence) -> Diagnosis | None:
    """The error of sum(x dx) is, for every output, one multiple of sum(w dw) of another array, or of the output."""
    if not (e.unit and e.whole) or diagonal(e) is not None or len(e.claimed) < FEWEST:
        return None
    x = e.x.ravel()
    error, claimed, numeric = e.error @ x, e.claimed @ x, e.numeric @ x
    size = np.abs(e.numeric * x).sum(axis=1).max(initial=0)
    if min(np.abs(v).max(initial=0) for v in (error, claimed, numeric)) <= 1e-6 * size:
        return None  # one of the two gradients obeys a law: told by that
    flows = [(f"through {e.names[i]}", *_flow(e, i)) for i in e.others]
    for group in (flows, [("in the last product", e.y, e.numeric)], _through_parts(e)):
        found = [(said, c) for said, flow, there in group if there.any() and (c := _times(error, flow, size))]
        if found and group is flows:  # of two factors, as a query and a key, as much flows through each
            alike = [said for said, c in found if abs(c - found[0][1]) < 1e-6]
            silent = [f"through {e.names[i]}, which gets nothing," for i, d in e.others.items() if not d.any()]
            return _named(e, " or ".join([*alike, *silent]), found[0][1])
        if found:
            return _named(e, *found[0])
    return None


def _flow(e: Evidence, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what flows through another array for every output (R,), and its derivatives: true ones, if all are known.

    The claims for it may be wrong themselves.
    """
    other = e.beside(i)
    d = e.others[i] if other is None or not other.whole or len(other.numeric) != len(e.numeric) else other.numeric
    return d @ e.point[i].ravel(), d


def _times(error: np.ndarray, flow: np.ndarray, size: float) -> float:
    """Return how many times a flow (R,) the error (R,) is; 0 where it is no multiple of it."""
    if (np.abs(flow) > 1e-6 * np.abs(flow).max(initial=0)).sum() < FEWEST:
        return 0.0
    c = float((flow @ error) / (flow @ flow))
    return c if abs(c) > 1e-3 and (np.abs(error - c * flow) <= FIT * size).all() else 0.0


def _through_parts(e: Evidence) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield what flows through stretches of the other arrays that are as long as an axis: joined inputs and gates."""
    for i, d in e.others.items():
        shape = e.point[i].shape
        flow = (d * e.point[i].ravel()).reshape(-1, *shape)
        for axis, n in enumerate(shape):
            for length in sorted({k for k in (*e.shape, *e.outputs) if n / PARTS <= k < n}):
                starts = range(0, n, length) if n % length == 0 else (0, n - length)
                for start in starts:
                    part = np.arange(start, start + length)
                    there = flow.take(part, axis + 1).reshape(len(flow), -1)
                    yield f"through {e.names[i]} at {start} to {start + length - 1} of axis {axis}", there.sum(1), there


def _named(e: Evidence, said: str, c: float) -> Diagnosis | None:
    text = f"what flows to {e.name} {said}"
    if abs(c + 1) < 1e-6:
        return Diagnosis("path", f"{text} is left out: sum({e.name} d{e.name}) is short of just that, in every output")
    if abs(c - 1) < 1e-6:
        return Diagnosis("term", f"{text} is counted twice: sum({e.name} d{e.name}) is too large by just that")
    if abs(c + 2) < 1e-6:
        return Diagnosis("factor", f"{text} has the wrong sign: sum({e.name} d{e.name}) is short of twice that")
    times = words.factor(c + 1, e)
    if times == f"{c + 1:.7g}":
        return None  # a number that is made of nothing may come of two errors
    return Diagnosis("factor", f"{text} counts {times} times: sum({e.name} d{e.name}) is off by that")
