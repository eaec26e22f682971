"""Two questions about a narrow layer: is its mathematics right (asked in float64), and does it compute that well?

The second is answered here: the gradient in the user's own dtype beside the same layer's gradient in
float64.  What may differ is measured, at points a few roundings of the narrow format away: how much the
gradient changes there, and how much the difference of the two scatters.  An error of the layer stays.

A forward pass may compute more narrowly than its dtype, as PyTorch's autocast does of float32, or be a difference of
larger numbers.  What it loses itself is no more than a backward pass may lose.
"""

import numpy as np

from gradcheck.numeric.constants import BRAIN, UNIT
from gradcheck.numeric.points import cotangents, jittered
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import scale, sizes
from gradcheck.precision.alone import holds_alone
from gradcheck.precision.products import products
from gradcheck.precision.terms import MARGIN as TERMS
from gradcheck.precision.terms import terms
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Arrays, Problem

REPEATS = 4
MARGIN = 16
FORMATS = UNIT[np.dtype(np.float16)], BRAIN  # in which a forward pass may compute, though its dtype is wider
SEVERAL = 16  # roundings of y, of one after the other
OTHER = (
    "in the dtypes of its inputs f is another function than in float64, as where it draws random numbers in them: "
    "there the gradients were held against its differences alone, to one digit"
)
FINER = 1 / 4  # of such a format's: with that 80 right gradients pass, and of 80 that are off by 30 % 78 fail


def compare_with_shadow(problem: Problem, own: Place, u: float, rng: np.random.Generator) -> list[Finding]:
    """Return a finding for each array whose narrow gradient is not its float64 gradient, rounded.

    Nothing is said where all arrays are float64, or where the layer computes narrowly anyway (`u`).
    """
    units = problem.subject.units
    narrow = max(units.get(leaf.name, UNIT[leaf.value.dtype]) for leaf in problem.leaves)
    if narrow <= 2 * u:
        return []
    findings = _compared(problem, own, narrow, 0.0, rng)
    if not findings:
        return []
    lost, size = _lost_by_forward(problem, own)
    if not SEVERAL * narrow * size < lost < np.inf:
        return findings
    if lost > SEVERAL * FORMATS[-1] * size:  # no format does that: what is rounded is larger than what is left
        if holds_alone(problem, own, narrow, rng):
            return [Finding("precision", OTHER, "note")]
        return _compared(problem, own, narrow, lost, rng) or [_cancelled(findings[0], lost, size)]
    return _compared(problem, own, FINER * next((u for u in FORMATS if lost <= u * size), FORMATS[-1]), 0.0, rng)


def _cancelled(finding: Finding, lost: float, size: float) -> Finding:
    """Return what is said in the place of a failure that roundings in the forward pass may explain."""
    message = f"{finding.message}, but the forward pass itself loses {lost:.1e} of {size:.1e} there"
    return Finding("precision", message, "inconclusive", finding.array)


def _lost_by_forward(problem: Problem, own: Place) -> tuple[float, float]:
    """Return by how much the narrow forward pass differs from the one in float64, and how large that is."""
    point = _in_dtypes(problem, own.point)
    with np.errstate(all="ignore"):
        y, wide = (np.asarray(problem.forward(x), np.float64) for x in (point, [x.astype(np.float64) for x in point]))
        return float(np.abs(y - wide).max(initial=0)), float(np.abs(wide).max(initial=0))


def _in_dtypes(problem: Problem, point: Arrays) -> list[np.ndarray]:
    return [x.astype(leaf.value.dtype) for x, leaf in zip(point, problem.leaves, strict=True)]


def _compared(problem: Problem, own: Place, narrow: float, lost: float, rng: np.random.Generator) -> list[Finding]:
    """Return the findings where `narrow` is the roundoff in which the layer computes, and y has `lost` so much."""
    points = [_in_dtypes(problem, own.point)]
    g = [cotangents(rng, own.g.shape[1], 1).astype(np.float16).astype(np.float64)]  # exact in every format
    for _ in range(REPEATS):
        points.append(_in_dtypes(problem, jittered(points[0], rng, narrow)))
        g.append(jittered([g[0]], rng, narrow)[0].astype(np.float32).astype(np.float64))
    with np.errstate(all="ignore"):
        got = [problem.gradients(points[0], g[0])]
        for i in range(1, len(points)):
            try:
                got.append(problem.gradients(points[i], g[i]))
            except Exception:  # whatever the user's code raises when a few roundings take it out of its domain
                points[i] = points[0]
                got.append(problem.gradients(points[i], g[i]))
        wide = [[x.astype(np.float64) for x in point] for point in points]
        reference = [problem.gradients(point, dy) for point, dy in zip(wide, g, strict=True)]
    top = float(np.abs(g[0]).max(initial=0))
    natural = 4 * narrow * float(np.abs(own.y).max(initial=0)) * top
    findings = []
    for i, leaf in enumerate(problem.leaves):
        if not leaf.value.size:
            continue
        with np.errstate(invalid="ignore"):  # an infinite gradient is a finding of its own
            error = np.array([a[i] - b[i] for a, b in zip(got, reference, strict=True)])
            change = np.array([r[i] - reference[0][i] for r in reference[1:]])
            noise = np.maximum(_largest(change), _largest(error[1:] - error[0]))
        bar = MARGIN * (np.maximum(noise, np.median(noise)) + 4 * narrow * np.abs(reference[0][i]))
        # terms of size y dy / x that cancel leave a rounding that repeats itself, and may underflow
        bar += natural / scale(leaf.value) + float(np.finfo(leaf.value.dtype).tiny)
        bar += MARGIN * lost * top / sizes(wide[0][i])
        if (np.abs(error[0]) > bar).any():
            size = terms(problem, wide[0], i, own.y)
            bar = np.maximum(bar, TERMS * narrow * size)
        if (np.abs(error[0]) > bar).any():
            bar = np.maximum(bar, TERMS * narrow * products(problem, wide[0], i, own.y))
        excess = np.abs(error[0]) / np.where(bar > 0, bar, np.finfo(float).tiny)
        excess[~np.isfinite(reference[0][i])] = 0.0  # there is nothing to compare with
        if not excess.max() <= 1:
            at = np.unravel_index(int(np.argmax(np.nan_to_num(excess, nan=np.inf))), excess.shape)
            index = ", ".join(str(int(k)) for k in at[1:])
            message = (
                f"{leaf.name}[{index}]: in {leaf.value.dtype} the pullback gives {got[0][i][at]:.8g}, "
                f"in float64 {reference[0][i][at]:.8g}; rounding explains {bar[at]:.1e}"
            )
            findings.append(Finding("precision", message, "fail", leaf.name))
    return findings


def _largest(changes: np.ndarray) -> np.ndarray:
    """Return the largest change of each entry, of those that are numbers: what else there is, is no rounding."""
    return np.where(np.isfinite(changes), np.abs(changes), 0.0).max(axis=0)
