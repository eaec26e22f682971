"""Dependences that stand elsewhere: two indices exchanged, or one of them off by some steps."""

import math

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence

FEWEST = 4  # dependences beyond what is free, which show that two indices are exchanged
SAMPLES = 8  # slices that are looked at
FIT = 1e-6  # of a logarithm: what factors of the indices may leave


def mirrored(e: Evidence) -> Diagnosis | None:
    """Output i is held to depend on entry j as j depends on i: a matrix stands in place of its transpose."""
    for p, q, a, t, slack in _blocks(e):
        turned = t.swapaxes(0, 1)
        there = np.abs(turned) > slack.swapaxes(0, 1)
        if not np.array_equal(a != 0, there) or not there.any():
            continue
        some = _some(there)
        even = [k for k in some if np.array_equal(there[:, :, k], there[:, :, k].T)]
        itself = (_gauged(t[:, :, k], turned[:, :, k]) for k in even)
        if all(_gauged(a[:, :, k], turned[:, :, k]) for k in some) and not any(itself):
            text = f"what index i of axis {p} of the output takes from index j of axis {q} is, but for what each index"
            text = f"{text} is multiplied with, what j takes from i"
            return Diagnosis("transposed", f"{e.name}: {text}: a matrix is not transposed")
    return None


def stepped(e: Evidence) -> Diagnosis | None:
    """The claim's dependences are the numeric ones, some steps further along an axis."""
    if not (e.unit and e.whole) or len(e.parts) > 1:
        return None
    shape = (*e.outputs, *e.shape)
    there, claims = (v.reshape(shape) for v in (~e.no(e.numeric), e.claimed != 0))
    if not (there & ~claims).any() or not (claims & ~there).any() or there.sum() < 2 * FEWEST:
        return None
    for axis, n in enumerate(shape):
        t, a = np.moveaxis(there, axis, 0), np.moveaxis(claims, axis, 0)
        for step in (k for k in (1, -1, 2, -2) if n > 2 * abs(k)):
            at, to = (slice(step, None), slice(None, -step)) if step > 0 else (slice(None, step), slice(-step, None))
            moved = np.array_equal(a[at], t[to]) and (t[to] != t[at]).any()
            if np.array_equal(a, np.roll(t, step, 0)) or (moved and not t.all(axis=tuple(range(1, t.ndim))).any()):
                own = axis >= len(e.outputs)
                where = f"axis {axis - len(e.outputs)} of {e.name}" if own else f"axis {axis} of the output"
                text = f"the claim's dependences are those of the layer {abs(step)} further along {where}"
                return Diagnosis("shift", f"{e.name}: {text}: an index or a cut is off by {abs(step)}")
    return None


def other_end(e: Evidence) -> Diagnosis | None:
    """The error is the claim itself some steps further: of what joins two entries, one of them gets its part."""
    if not e.whole or not e.shape or not e.bad.any():
        return None
    claims, error, slack = (e.full(v) for v in (e.claimed, e.error, e.slack))
    for axis, n in enumerate(e.shape):
        for step in (k for k in (1, -1, 2, -2) if n > 2 * abs(k) + 1):
            turned = np.roll(claims, step, axis + 1)
            ends = np.moveaxis(np.zeros_like(claims), axis + 1, 0)
            ends[:] = np.moveaxis(turned, axis + 1, 0)
            ends[slice(None, step) if step > 0 else slice(step, None)] = 0
            for sign, moved in ((s, v) for s in (1, -1) for v in (turned, np.moveaxis(ends, 0, axis + 1))):
                if (np.abs(error - sign * moved) <= 4 * slack + 1e-9 * np.abs(moved)).all():
                    text = f"the gradient is the claim and, {'less' if sign > 0 else 'with'} it, the claim {abs(step)}"
                    text = f"{text} further along axis {axis}: what joins two entries is handed on to one of them only"
                    return Diagnosis("path", f"{e.name}: {text}")
    return None


def _blocks(e: Evidence) -> list[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]]:
    """Return for axes p of the output and q of the array of one length n: claims and gradients (n, n, rest)."""
    found: list[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]] = []
    if not (e.unit and e.whole) or len(e.parts) > 1 or math.prod(e.outputs) != len(e.claimed):
        return found
    for p, n in enumerate(e.outputs):
        for q in (q for q, m in enumerate(e.shape) if m == n > 2):
            a, t, slack = (
                np.moveaxis(v.reshape(*e.outputs, *e.shape), (p, len(e.outputs) + q), (0, 1)).reshape(n, n, -1)
                for v in (e.claimed, e.numeric, e.slack)
            )
            found.append((p, q, a, t, slack))
    return found


def _some(there: np.ndarray) -> np.ndarray:
    """Return some of the places (n, n, m) along the last axis at which anything depends."""
    used = np.flatnonzero(there.any(axis=(0, 1)))
    return used[np.linspace(0, used.size - 1, min(SAMPLES, used.size)).astype(int)] if used.size else used


def _gauged(a: np.ndarray, t: np.ndarray) -> bool:
    """Whether a[i, j] / t[i, j] is u[i] / u[j] for some u (n,), wherever there is something."""
    i, j = np.nonzero(t)
    logs = np.log(np.abs(a[i, j] / t[i, j]))
    equations = np.zeros((i.size, len(t)))
    equations[np.arange(i.size), i] += 1
    equations[np.arange(i.size), j] -= 1
    u, _, rank, _ = np.linalg.lstsq(equations, logs, rcond=None)
    return bool(i.size >= rank + FEWEST and np.abs(equations @ u - logs).max() <= FIT)
