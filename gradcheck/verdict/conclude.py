"""From comparisons to one array's verdict: a tolerance never excuses a detected difference."""

import numpy as np

from gradcheck.reports.report import Gradient
from gradcheck.verdict.comparison import Comparison

NEED = 1e-4  # a bar above this part of an array's gradient is no evidence: inconclusive
NARROW_NEED = 40  # times the root of the unit roundoff: what differences of a narrow format leave at the best, and some
MOST_NEED = 0.1  # a digit at the least, in any format
NEED_ZERO = 1e-6  # of the largest change that any array makes: below it a gradient may be called zero


def need(u: float) -> float:
    """Return the part of an array's gradient that a bar may be, of a subject of this roundoff or declared noise."""
    return min(max(NEED, NARROW_NEED * float(np.sqrt(u))), MOST_NEED)


def conclude(
    name: str, shape: tuple[int, ...], comparisons: list[Comparison], believed: bool, largest: float, u: float
) -> Gradient:
    """Return the verdict on one array; `largest` is the largest derivative among all arrays' probes.

    A comparison where the forward pass jumps is no evidence: the array is judged by the others.
    """
    gradient = Gradient(name, shape, "pass", method="complex step" if believed else "real differences")
    gradient.compared = sum(len(c.claimed) for c in comparisons)
    if not comparisons:
        return gradient  # an array without entries
    joint = [c for c in comparisons if c.probe.leaf is None]
    comparisons = [c for c in comparisons if c.probe.leaf is not None]
    smooth = [c for c in comparisons if not c.jump.any()]
    gradient.jumps = len(comparisons) - len(smooth)
    if gradient.jumps and not smooth:
        gradient.verdict = "inconclusive"
        gradient.reason = "the forward pass jumps or moves in steps wherever it was compared: there is no derivative"
        return gradient
    comparisons = smooth
    gradient.kinks = sum(int(c.kink.any()) for c in comparisons)
    _worst(gradient, shape, comparisons, believed)
    if any(c.outside().any() for c in comparisons):
        gradient.verdict = "fail"
        return gradient
    rms = root_mean_square(comparisons, int(np.prod(shape)), believed)
    smooth = [c for c in comparisons if not c.kink.any()] or comparisons
    gradient.bar = max(float(np.max(c.best_tolerance(believed) / c.unit)) for c in smooth)
    seen = max(float(np.max(c.best_tolerance(believed))) for c in comparisons)
    if not np.isfinite(gradient.bar):
        gradient.verdict = "inconclusive"
        gradient.reason = next((c.doubt for c in smooth if c.doubt), "no step gives a stable difference")
    elif believed and any(c.exact_outside().any() for c in comparisons):
        gradient.verdict = "inconclusive"
        gradient.reason = "the complex step sees a difference that real differences are too coarse to confirm"
    elif _is_zero(comparisons, believed) or (rms <= gradient.bar and seen <= NEED_ZERO * largest):
        gradient.digits = gradient.real_digits = None
        if seen > NEED_ZERO * largest:
            gradient.verdict = "inconclusive"
            gradient.reason = f"below the noise: nothing smaller than {gradient.bar:.1e} is seen"
    else:
        gradient.digits = _digits(gradient.bar, rms)
        ladders = [c for c in smooth if c.real is not None] or joint
        unit = min(c.unit for c in smooth)
        real = max(float(np.max(c.real_tolerance)) / (unit if c.probe.leaf is None else c.unit) for c in ladders)
        gradient.real_digits = _digits(real, rms)
        if _too_wide(comparisons, believed, rms, need(u)):
            gradient.verdict = "inconclusive"
            gradient.reason = f"resolved to {gradient.bar:.0e} only, beside a gradient of {rms:.0e}"
    return gradient


def numeric(c: Comparison, believed: bool) -> np.ndarray:
    """Return the best numeric derivative: at a kink the nearest of the valid answers."""
    if c.real is not None and c.kink.any():
        return np.clip(c.claimed, c.real.low, c.real.high)
    if believed and c.exact is not None:
        return c.exact
    return c.real.value if c.real is not None else np.full(len(c.claimed), np.nan)


def root_mean_square(comparisons: list[Comparison], size: int, believed: bool) -> float:
    """Return the root mean square of the numeric gradient's entries, as far as probes tell."""
    units = [c for c in comparisons if c.probe.coordinate is not None]
    dense = [c for c in comparisons if c.probe.coordinate is None]
    found = [0.0]
    for probes, root in ((units if len(units) == size else [], 1.0), (dense, np.sqrt(size))):
        values = np.array([numeric(c, believed) / c.unit / root for c in probes])
        values = values[np.isfinite(values)]
        found.append(float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0)
    return max(found)


def _is_zero(comparisons: list[Comparison], believed: bool) -> bool:
    return all(
        bool((np.abs(numeric(c, believed)) <= c.best_tolerance(believed)).all())
        and bool((np.abs(c.claimed) <= c.best_tolerance(believed)).all())
        for c in comparisons
    )


def _too_wide(comparisons: list[Comparison], believed: bool, rms: float, part: float) -> bool:
    """Whether some probe's bar is wide beside both the array's gradient and its own derivative."""
    for c in comparisons:
        if c.kink.any():
            continue  # an interval, whose ends differ by more than their bars: kinks are found no other way
        tolerance = c.best_tolerance(believed)
        size = np.maximum(np.abs(numeric(c, believed)), np.abs(c.claimed))
        if ((tolerance > part * rms * c.unit) & (tolerance > part * size)).any():
            return True
    return False


def _digits(bar: float, rms: float) -> float:
    return float(-np.log10(max(bar / rms, 1e-17))) if rms > 0 else 0.0


def _worst(gradient: Gradient, shape: tuple[int, ...], comparisons: list[Comparison], believed: bool) -> None:
    """Note the entry that differs most in bars, and every entry that is certainly wrong."""
    worst = -1.0
    for c in comparisons:
        if c.probe.coordinate is None or c.real is None:
            continue
        best = c.kink.any() or c.outside().any() or not believed
        reference = np.clip(c.claimed, c.real.low, c.real.high) if best else numeric(c, believed)
        tolerance = c.real_tolerance if best else c.best_tolerance(believed)
        with np.errstate(all="ignore"):
            ratios = np.where(np.isnan(c.claimed), np.inf, np.abs(c.claimed - reference) / tolerance)
        k = int(np.argmax(np.nan_to_num(ratios, nan=0.0, posinf=1e300)))
        index = tuple(int(i) for i in np.unravel_index(c.probe.coordinate, shape))
        if c.outside().any():
            gradient.wrong.append(index)
        if not np.isnan(ratios[k]) and ratios[k] > worst:
            worst, gradient.worst_index = float(ratios[k]), index
            gradient.claimed = float(c.claimed[k] / c.unit)
            gradient.numeric = float((c.real.value if best else reference)[k] / c.unit)
            gradient.bar = float(tolerance[k] / c.unit)
