"""Where a subject has forward mode, <g, J d> is compared with real differences and with the pullback's <B(g), d>."""

from collections.abc import Sequence

import numpy as np

from gradcheck.claims.claim import without_jumps
from gradcheck.numeric.points import jittered
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.precision.segments import LOW
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Arrays
from gradcheck.verdict.compare import Comparer
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.first_look import NARROW

JITTERS = 3


def compare_forward_mode(comparer: Comparer, comparisons: list[list[Comparison]]) -> list[Finding]:
    """Return what there is to say of forward mode, along directions that have been compared already.

    It fails where real differences contradict it, unless only by chance: the pullback then agrees with
    it.  Where it contradicts the pullback by less than real differences resolve, it is inconclusive.
    Nothing is said of a subject without forward mode.
    """
    findings: list[Finding] = []
    served = {c.probe: c for found in comparisons for c in found if _serves(c)}
    for probe, c in served.items():
        name = "all arrays" if probe.leaf is None else comparer.problem.leaves[probe.leaf].name
        try:
            slope = _slope(comparer, probe)
        except Exception as error:  # whatever the user's code raises: forward and backward pass have done their work
            text = str(error).splitlines()[0] if str(error) else "no message"
            return [Finding("jvp", f"forward mode raises {type(error).__name__}: {text}")]
        if slope is None:
            return []
        finding = _judged(c, *slope, name)
        if finding is not None and not any(f.message.startswith(f"{name}: ") for f in findings):
            findings.append(finding)
    if findings or not served:
        return findings
    pullback = (
        ", the pullback does not" if any(c.outside().any() for c in served.values()) else " and with the pullback"
    )
    return [Finding("jvp", f"forward mode agrees with real differences{pullback}", "note")]


def _serves(c: Comparison) -> bool:
    """Whether whole arrays move, along a direction with a ladder of its own and away from kinks."""
    return c.probe == Probe(c.probe.leaf, seed=c.probe.seed) and c.real is not None and not c.real.kink.any()


def _slope(comparer: Comparer, probe: Probe) -> tuple[np.ndarray, np.ndarray] | None:
    """Return <g, J d> for every cotangent (G,) and a bar for its rounding (G,)."""
    point, g, u = comparer.place.point, comparer.place.g, comparer.analytic.u
    if comparer.level > LOW:
        u = max(u, NARROW)  # a narrow format inside does not show changes that are smaller than its roundings
    moving = probe.direction(point)
    directions = [moving.get(i, np.zeros_like(x)) for i, x in enumerate(point)]
    tangent = _tangent(comparer, point, directions)
    if tangent is None:
        return None
    spread = np.zeros(len(g))
    for _ in range(JITTERS):
        near = _tangent(comparer, jittered(point, comparer.rng, u), jittered(directions, comparer.rng, u))
        spread = np.maximum(spread, np.abs(g @ (near - tangent)))
    size = root_sum_square(g * tangent, axis=1)
    largest = float(np.max(size, initial=0))
    return g @ tangent, 16 * u * size + 4 * without_jumps(spread, largest, largest, u)


def _tangent(comparer: Comparer, point: Arrays, directions: Sequence[np.ndarray]) -> np.ndarray | None:
    with np.errstate(all="ignore"):
        tangent = comparer.problem.jvp(point, directions)
    if tangent is not None and tangent.size != comparer.place.g.shape[1]:
        want = f"tangents must have as many entries as the output, {comparer.place.g.shape[1]}"
        raise ValueError(f"{want}, got {tangent.size}")
    return tangent


def _judged(c: Comparison, slope: np.ndarray, bar: np.ndarray, name: str) -> Finding | None:
    assert c.real is not None
    tolerance = c.real.bar + bar
    with np.errstate(invalid="ignore"):
        differs = ~(np.abs(slope - c.claimed) <= bar + c.claimed_bar)
        inside = (c.real.low - tolerance <= slope) & (slope <= c.real.high + tolerance)
    wrong = ~np.isfinite(slope) | (c.real.resolved & ~inside & (differs | c.outside()))
    if wrong.any():
        k = int(np.argmax(wrong))
        message = f"{name}: along a random direction forward mode gives {slope[k]:.12g}"
        return Finding("jvp", f"{message}, differences give {c.real.value[k]:.12g} +- {tolerance[k]:.1e}")
    apart = differs & ~c.outside()
    if apart.any():
        k = int(np.argmax(apart))
        both = f"forward mode gives {slope[k]:.16g}, the pullback {c.claimed[k]:.16g}"
        message = f"{name}: along a random direction {both}: real differences are too coarse to tell which is wrong"
        return Finding("jvp", message, "inconclusive")
    return None
