"""From comparisons to one array's verdict: a tolerance never excuses a detected difference."""

import dataclasses

import numpy as np

from gradcheck.precision.formats import FEW_BITS, LOW, fewest_digits, need
from gradcheck.subjects.adapted import Leaf
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.facts import Gradient
from gradcheck.verdict.steep import is_bent, is_open, is_steep

RESIDUE = 2.0**20  # of its bar: a claim with as many digits is none of roundings
ROUNDINGS = 2.0**-48  # of the largest change: less may be a residue of terms, though x and dy move it by no rounding
TOO_COARSE = "the complex step sees a difference that real differences are too coarse to confirm"
JUMPS = "the forward pass jumps or moves in steps wherever it was compared: there is no derivative"
NO_STEP = "no step gives a stable difference"
ALONE = f"{NO_STEP}, and the complex step alone is no evidence"
NEED_ZERO = 1e-6  # of the largest change that any array makes: below it a gradient may be called zero


def conclude(
    leaf: Leaf, comparisons: list[Comparison], believed: bool, largest: float, u: float, is_own: bool
) -> Gradient:
    """Return the verdict on one array; `largest` is the largest derivative among all arrays' probes.

    `u` is the roundoff of the subject there, `is_own` whether that is of the format of all that it computes.
    A comparison where the forward pass jumps is no evidence: the array is judged by the others.
    """
    method = "complex step" if believed else "real differences"
    compared = sum(len(c.claimed) for c in comparisons)
    name, shape, dtype = leaf.name, leaf.value.shape, leaf.value.dtype.name
    gradient = Gradient(name, shape, "pass", method=method, compared=compared, dtype=dtype)
    if not comparisons:
        return gradient  # an array without entries
    joint = [c for c in comparisons if c.probe.leaf is None]
    alone = [c for c in comparisons if c.probe.leaf is not None]
    smooth = [c for c in alone if not c.jump.any()]
    gradient = dataclasses.replace(gradient, jumps=len(alone) - len(smooth))
    if gradient.jumps and not smooth:
        return _open(gradient, JUMPS)
    gradient = dataclasses.replace(gradient, kinks=sum(int(c.kink.any()) for c in smooth))
    gradient = _with_worst(gradient, smooth, believed)
    if any(c.outside().any() for c in smooth):
        return dataclasses.replace(gradient, verdict="fail")
    resolved = _resolved(gradient, smooth, joint, believed, largest, u, need(u, is_own))
    return resolved if resolved.verdict == "pass" else _without_slope(resolved, alone)


def _without_slope(gradient: Gradient, comparisons: list[Comparison]) -> Gradient:
    """Return a verdict that there is none with the reason, if the function has no one slope somewhere."""
    open_ones = [c for c in comparisons if not c.resolved or c.jump.any() or is_open(c)]
    if any(map(is_steep, open_ones)):
        return _open(gradient, "the slope is infinite there: differences grow without end as their steps shrink")
    if any(map(is_bent, open_ones)):
        return _open(gradient, "a kink lies there: differences to its two sides stay apart as their steps shrink")
    return gradient


def _resolved(
    gradient: Gradient,
    comparisons: list[Comparison],
    joint: list[Comparison],
    believed: bool,
    largest: float,
    u: float,
    part: float,
) -> Gradient:
    """Return the verdict where nothing is contradicted: whether the bars are narrow enough to say so."""
    rms = root_mean_square(comparisons, int(np.prod(gradient.shape)), believed)
    smooth = [c for c in comparisons if not c.kink.any()] or comparisons
    bar = max(float(np.max(c.best_tolerance(believed) / c.unit)) for c in smooth)
    seen = max(float(np.max(c.best_tolerance(believed))) for c in comparisons)
    gradient = dataclasses.replace(gradient, bar=bar)
    if not (np.isfinite(bar) and all(np.isfinite(c.claimed).all() for c in comparisons)):
        return _open(gradient, NO_STEP, *smooth)
    if believed and any(c.exact_outside().any() for c in comparisons):
        return _open(gradient, TOO_COARSE, *(c for c in comparisons if c.exact_outside().any()))
    if _is_zero(comparisons, believed) or (rms <= bar and seen <= NEED_ZERO * largest):
        unseen = any(c.doubt or _is_unseen(c, believed, largest) for c in comparisons)
        if seen <= NEED_ZERO * largest and not unseen:
            return gradient
        return _open(gradient, f"below the noise: nothing smaller than {bar:.1e} is seen", *smooth)
    ladders = [c for c in smooth if c.real is not None and c.claimed.any()]  # 0 is told to any number of digits
    if all(c.probe.coordinate is not None for c in ladders):  # of single entries, which are not all of them
        ladders += joint
    ladders = [c for c in ladders if np.isfinite(c.real_tolerance).any()]  # where one tells nothing, the others do
    if not ladders:
        return _open(gradient, ALONE, *smooth)
    unit = min(c.unit for c in smooth)
    bars = [np.where(np.isfinite(c.real_tolerance), c.real_tolerance, 0).max() for c in ladders]
    units = [unit if c.probe.leaf is None else c.unit for c in ladders]
    real = max(float(b) / u for b, u in zip(bars, units, strict=True))
    gradient = dataclasses.replace(gradient, digits=_digits(bar, rms), real_digits=_digits(real, rms))
    lost = any(c.doubt for c in smooth) and _digits(real, rms) < fewest_digits(u)  # the complex step alone is none
    # a kink is an interval, whose ends differ by more than their bars: it is found no other way
    wide = any(_is_wide(c, believed, rms, u, part) for c in comparisons if not c.kink.any())
    if lost or 0 < rms < bar * 10 ** fewest_digits(u) or wide:
        return _open(gradient, f"resolved to {bar:.0e} only, beside a gradient of {rms:.0e}", *smooth)
    return gradient


def numeric(c: Comparison, believed: bool) -> np.ndarray:
    """Return the best numeric derivative: at a kink the nearest of the valid answers."""
    if c.real is not None and c.kink.any():
        return np.clip(c.claimed, c.real.low, c.real.high)
    if believed and c.exact is not None:
        return c.exact
    return c.real.value if c.real is not None else np.full(len(c.claimed), np.nan)


def root_mean_square(comparisons: list[Comparison], size: int, believed: bool) -> float:
    """Return the root mean square of the gradient's entries, as far as probes tell.

    Where a direction contradicts no claim it is that of the claims: by chance its signs make the sum of all far less.
    """
    units = [c for c in comparisons if c.probe.coordinate is not None]
    dense = [c for c in comparisons if c.probe.coordinate is None]
    found = [0.0]
    for probes in (units if len(units) == size else [], dense, comparisons if dense else []):
        squares, lengths = 0.0, 0
        for c in probes:
            values = _size(c, believed) / c.unit
            values = values[np.isfinite(values)]
            if values.size:
                squares, lengths = squares + float(np.square(values).mean()), lengths + c.probe.length(size)
        found.append(float(np.sqrt(squares / max(lengths, 1))) if lengths >= size else 0.0)
    return max(found)


def _size(c: Comparison, believed: bool) -> np.ndarray:
    return numeric(c, believed) if c.terms is None or c.outside().any() else c.terms


def _is_unseen(c: Comparison, believed: bool, largest: float) -> bool:
    """Whether a claim has digits, and is yet too small to be seen: without digits it may be zero but for roundings."""
    has_digits = np.abs(c.claimed) > np.maximum(RESIDUE * c.claimed_bar, ROUNDINGS * largest)
    return bool((has_digits & (np.abs(c.claimed) <= c.best_tolerance(believed))).any())


def _is_zero(comparisons: list[Comparison], believed: bool) -> bool:
    return all(
        bool((np.abs(numeric(c, believed)) <= c.best_tolerance(believed)).all())
        and bool((np.abs(c.claimed) <= c.best_tolerance(believed)).all())
        for c in comparisons
    )


def _is_wide(c: Comparison, believed: bool, rms: float, u: float, part: float) -> bool:
    """Whether a probe's bar is wide beside both the array's gradient and its own derivative.

    In float32 that counts as its terms do, which may cancel by chance; of few bits a part is too much for that.
    """
    tolerance = c.best_tolerance(believed)
    terms = c.terms if LOW <= u < FEW_BITS and c.terms is not None else 0.0
    size = np.maximum(np.maximum(np.abs(numeric(c, believed)), np.abs(c.claimed)), terms)
    return bool(((tolerance > part * rms * c.unit) & (tolerance > part * size)).any())


def _open(gradient: Gradient, why: str, *comparisons: Comparison) -> Gradient:
    """Return a verdict that there is none, with the doubt of the first comparison that has one as the reason."""
    doubts = (c.doubt for c in comparisons if c.doubt)
    return dataclasses.replace(gradient, verdict="inconclusive", reason=next(doubts, why))


def _digits(bar: float, rms: float) -> float:
    """Return how many digits of a gradient a bar leaves: none where it is wider than that."""
    return max(0.0, float(-np.log10(max(bar / rms, 1e-17)))) if rms > 0 else 0.0


def _with_worst(gradient: Gradient, comparisons: list[Comparison], believed: bool) -> Gradient:
    """Note the entry that differs most in bars, and every entry that is certainly wrong."""
    worst, wrong = -np.inf, []
    sure = any(c.outside().any() for c in comparisons)
    for c in comparisons:
        if c.probe.coordinate is None:
            continue
        index = tuple(int(i) for i in np.unravel_index(c.probe.coordinate, gradient.shape))
        if c.real is None:  # what real differences confirm of some entries the complex step tells of the others
            wrong += [index] if sure and believed and c.exact_outside().any() else []
            continue
        best = c.kink.any() or c.outside().any() or not believed
        reference = np.clip(c.claimed, c.real.low, c.real.high) if best else numeric(c, believed)
        tolerance = c.real_tolerance if best else c.best_tolerance(believed)
        with np.errstate(all="ignore"):
            ratios = np.where(np.isnan(c.claimed), np.inf, np.abs(c.claimed - reference) / tolerance)
        k = int(np.argmax(np.nan_to_num(ratios)))
        if c.outside().any():
            wrong.append(index)
        if not np.isnan(ratios[k]) and ratios[k] > worst:
            worst = float(ratios[k])
            gradient = dataclasses.replace(
                gradient,
                worst_index=index,
                claimed=float(c.claimed[k] / c.unit),
                numeric=float((c.real.value if best else reference)[k] / c.unit),
                bar=float(tolerance[k] / c.unit),
            )
    return dataclasses.replace(gradient, wrong=wrong)
