"""Where a subject has forward mode, <g, J d> is compared with real differences and with the pullback's <B(g), d>."""

import numpy as np

from gradcheck.claims.tangent import slope_along
from gradcheck.numeric.constants import NARROW
from gradcheck.numeric.probe import Probe
from gradcheck.precision.formats import LOW
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.raised import in_one_line
from gradcheck.verdict import plan
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.comparisons import Comparisons
from gradcheck.verdict.measured import measured


def compare_forward_mode(compared: Comparisons, rng: np.random.Generator) -> list[Finding]:
    """Return what there is to say of forward mode, along directions that have been compared already.

    It fails where real differences contradict it, unless only by chance: the pullback then agrees with
    it.  Where it contradicts the pullback by less than real differences resolve, it is inconclusive.
    Nothing is said of a subject without forward mode.
    """
    near = compared.near
    served = {c.probe: c for found in compared.along for c in found if _serves(c)}
    findings = _found(compared, served, rng)
    if findings and all(probe.leaf is None for probe in served):  # which of the arrays?
        whole = plan.apart([x.size for x in near.place.point], rng, set())
        apart, _ = measured(near, compared.known, whole.probes, whole.real, rng)
        findings = _found(compared, {c.probe: c for c in apart if _serves(c)}, rng) or findings
    if findings or findings is None or not served:
        return findings or []
    pullback = (
        ", the pullback does not" if any(c.outside().any() for c in served.values()) else " and with the pullback"
    )
    return [Finding("jvp", f"forward mode agrees with real differences{pullback}", "note")]


def _found(
    compared: Comparisons, served: dict[Probe, Comparison], rng: np.random.Generator
) -> list[Finding] | None:
    """Return what contradicts forward mode along these directions; None where there is none."""
    near = compared.near
    findings: list[Finding] = []
    for probe, c in served.items():
        name = "all arrays" if probe.leaf is None else near.problem.leaves[probe.leaf].name
        u = near.claim.u
        if compared.known.largest > LOW:
            u = max(u, NARROW)  # a narrow format inside does not show changes that are smaller than its roundings
        u = max(u, compared.steps())
        try:
            slope = slope_along(near.problem, near.place, probe.direction(near.place.point), u, rng)
        except Exception as error:  # whatever the user's code raises: forward and backward pass have done their work
            return [Finding("jvp", f"forward mode raises {in_one_line(error)}")]
        if slope is None:
            return None
        finding = _judged(c, *slope, name)
        if finding is not None and not any(f.message.startswith(f"{name}: ") for f in findings):
            findings.append(finding)
    return findings


def _serves(c: Comparison) -> bool:
    """Whether whole arrays move, along a direction with a ladder of its own and away from kinks."""
    return c.probe == Probe(c.probe.leaf, seed=c.probe.seed) and c.real is not None and not c.real.kink.any()


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
