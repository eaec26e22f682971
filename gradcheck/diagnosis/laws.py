"""Laws of norms and softmaxes: gradients that sum to zero, or are orthogonal to x, along an axis or in groups."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence

NEARER = 0.5  # of the squared error
MOST_AXES = 4
LONG = 3  # entries of a line, from which on shares of it show something


def law(e: Evidence) -> Diagnosis | None:
    """One of the two gradients sums to zero along some lines, or is orthogonal to x, and the other does not."""
    if not e.whole or e.x.size < 2:
        return None
    for what, weight in (("sum to 0", np.ones(e.shape)), (f"are orthogonal to {e.name}", e.x)):
        kept = [(where, *_both(e, weight, where)) for where in lines(e)]
        lost = [where for where, gradients, claims in kept if gradients and not claims]
        gained = [where for where, gradients, claims in kept if claims and not gradients]
        if lost and gained:
            text = f"the numeric gradients {what} {said(lost[0], e)}, the claims {said(gained[0], e)}"
            why = "a mean, a norm or a softmax is taken along the wrong axis, or in the wrong groups"
            return Diagnosis("normalisation", f"{e.name}: {text}: {why}")
        for where in lost:
            if _mended(e, weight, where) or _distribution(e, where):
                text = f"the numeric gradients {what} {said(where, e)}, the claims do not"
                why = "a term of a mean, a norm or a softmax is missing, or taken along another axis"
                return Diagnosis("normalisation", f"{e.name}: {text}: {why}")
    return None


def shares(e: Evidence) -> Diagnosis | None:
    """The gradients of a sum of all outputs add up to one number along an axis, the claims do so along another."""
    if not (e.unit and e.whole) or len(e.shape) < 2 or len(e.claimed) < LONG:
        return None
    claims, gradients = (e.full(v.sum(axis=0, keepdims=True))[0] for v in (e.claimed, e.numeric))
    slack = float(e.slack.sum(axis=0).max()) * max(e.shape)
    alike = {"claims": _even(claims, slack), "gradients": _even(gradients, slack)}
    if not alike["claims"] or not alike["gradients"] or alike["claims"] & alike["gradients"]:
        return None
    got, want = (" and ".join(map(str, sorted(alike[k]))) for k in ("claims", "gradients"))
    text = f"the gradients add up to one number along axis {want}, the claims along axis {got}"
    return Diagnosis("axis", f"{e.name}: {text}: a softmax or a mean is taken along the wrong axis")


def _even(values: np.ndarray, slack: float) -> set[int]:
    """Return the axes along which values, that differ, have sums that do not, and are not 0."""
    found = set()
    for axis, n in enumerate(values.shape):
        sums, sizes = values.sum(axis=axis), np.abs(values).sum(axis=axis)
        apart = np.ptp(values, axis=axis).min() > 1e-6 * sizes.max()
        even = np.ptp(sums) <= slack + 1e-9 * sizes.max() < 1e-3 * abs(sums.flat[0])
        if n >= LONG and sums.size >= LONG and apart and even:
            found.add(axis)
    return found


Lines = tuple[int, ...] | int  # some axes, or a length of the groups that the last axes are cut into


def lines(e: Evidence) -> Iterator[Lines]:
    """Yield single axes, groups of the axes after the first, and several axes together."""
    axes = [axis for axis in reversed(range(len(e.shape))) if e.shape[axis] > 1]
    yield from ((axis,) for axis in axes)
    if len(e.shape) > 1:
        last = math.prod(e.shape[1:])
        wholes = {math.prod(e.shape[axis:]) for axis in range(1, len(e.shape))}
        yield from (n for n in range(2, last) if last % n == 0 and n not in wholes)
    for count in range(2, len(axes) + 1) if len(axes) <= MOST_AXES else []:
        yield from itertools.combinations(sorted(axes), count)


def cut(values: np.ndarray, where: Lines, shape: tuple[int, ...]) -> np.ndarray:
    """Return values (R, *shape) as lines (R, n, ...) that a law sums over."""
    if isinstance(where, int):
        return np.moveaxis(values.reshape(len(values), -1, where), 2, 1)
    first = np.moveaxis(values, [axis + 1 for axis in where], range(1, len(where) + 1))
    return first.reshape(len(values), math.prod(shape[axis] for axis in where), -1)


def said(where: Lines, e: Evidence) -> str:
    if isinstance(where, int):
        return f"in groups of {where} entries"
    if len(where) == 1:
        return f"along axis {where[0]}"
    if math.prod(e.shape[axis] for axis in where) == e.x.size:
        return "over the whole array"
    return f"over axes {', '.join(map(str, where))}"


def _both(e: Evidence, weight: np.ndarray, where: Lines) -> tuple[bool, bool]:
    """Return whether the numeric gradients and the claims, each times a weight, sum to 0 along lines."""
    values = (e.full(e.numeric) * weight, e.full(e.claimed) * weight)
    gradients, claims = (vanishes(cut(v, where, e.shape), (1,), e) for v in values)
    return gradients, claims


def _mended(e: Evidence, weight: np.ndarray, where: Lines) -> bool:
    """Whether the claims, each line made to obey the law, come nearer to the gradient."""
    a, t, w = (cut(v, where, e.shape) for v in (e.full(e.claimed), e.full(e.numeric), weight[None]))
    part = (a * w).sum(axis=1, keepdims=True) / np.square(w).sum(axis=1, keepdims=True)
    return float(np.square(a - part * w - t).sum()) < NEARER * float(np.square(a - t).sum())


def _distribution(e: Evidence, where: Lines) -> bool:
    """Whether each row's error is one set of shares of a whole in all its lines, as a softmax hands out a sum."""
    error, slack = (cut(v, where, e.shape) for v in (e.full(e.error), e.full(e.slack)))
    total = error.sum(axis=1, keepdims=True)
    largest = np.abs(total).max(axis=2, keepdims=True)
    first = np.argmax(np.abs(total), axis=2)[:, :, None]
    if not e.unit or error.shape[1] < LONG or error.shape[2] < 2 or not largest.any():
        return False
    with np.errstate(all="ignore"):
        shares = np.where(largest > 0, np.take_along_axis(error, first, 2) / np.take_along_axis(total, first, 2), 0.0)
    rest = np.abs(error - shares * total)
    size = np.abs(error).max(axis=(1, 2), keepdims=True)
    return bool((shares >= -1e-6).all() and (rest <= 4 * slack + 1e-7 * size).all())


def vanishes(values: np.ndarray, axes: tuple[int, ...], e: Evidence) -> bool:
    total, size = np.abs(values.sum(axis=axes)), np.abs(values).sum(axis=axes)
    slack = float(e.slack.max(initial=0)) * float(np.abs(e.x).max(initial=1)) * values.size / len(values)
    return bool(size.any() and (total <= 1e-9 * size + slack).all() and slack < 1e-6 * size.max())
