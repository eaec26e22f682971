"""The verdicts on all arrays, with what a report says and shows of each."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from gradcheck.precision.formats import LOW, name
from gradcheck.subjects.adapted import Leaf
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.absorbed import DOUBT as ABSORBED
from gradcheck.verdict.comparisons import Comparisons
from gradcheck.verdict.conclude import conclude
from gradcheck.verdict.convergence import convergence
from gradcheck.verdict.error_map import error_map
from gradcheck.verdict.facts import Gradient
from gradcheck.verdict.ground import coarseness
from gradcheck.verdict.handed import DOUBT as OF_DTYPE
from gradcheck.verdict.held import DOUBT, OF_INPUTS, OF_MADE
from gradcheck.verdict.numbers import contradiction
from gradcheck.verdict.steep import is_steep

FIXED = "at an end of the range: not compared, as steps have no room there"
NO_ARRAY = "nothing was compared: no array has an entry"
NO_OUTPUT = "nothing was compared: the output has no entry"


@dataclasses.dataclass(frozen=True)
class Verdicts:
    gradients: tuple[Gradient, ...]
    findings: tuple[Finding, ...]


def conclude_all(compared: Comparisons, seed: int, rng: np.random.Generator) -> Verdicts:
    """Return the verdict on each array, with maps of the first that fail."""
    problem = compared.near.problem
    values = [np.abs(c.real.value).max() for found in compared.of for c in found if c.real is not None]
    largest = float(np.nan_to_num(values).max(initial=0))
    gradients, findings, nothing = [], [], _nothing(compared)
    for i, (leaf, found, believed) in enumerate(zip(problem.leaves, compared.of, compared.believed, strict=True)):
        coarse = max(coarseness(compared.near, compared.known, i), compared.steps(i))
        gradient = conclude(leaf, found, believed, largest, coarse, coarse == compared.near.claim.u)
        if nothing and gradient.verdict != "fail":
            gradient = Gradient(gradient.name, gradient.shape, "inconclusive", reason=nothing, dtype=gradient.dtype)
        else:
            gradient = dataclasses.replace(gradient, ladder=convergence(gradient, found, believed))
        said = list(_said(compared, i, gradient, believed, coarse))
        if gradient.verdict == "fail" and i in compared.explained:
            complete = not any(f.kind == "dense" and f.array == leaf.name for f in compared.findings)
            drawn = error_map(compared.near, compared.known, gradient, i, found, believed, complete, seed, rng)
            gradient = dataclasses.replace(gradient, map=drawn)
        gradients.append(gradient)
        findings += said
    return Verdicts(tuple(gradients), (*findings, *_vacuous(compared, gradients)))


def uncompared(problem: Problem, findings: tuple[Finding, ...]) -> tuple[Gradient, ...]:
    """Return the verdicts where no number was compared."""
    failing = {f.array for f in findings if f.severity == "fail"}
    return tuple(
        Gradient(
            leaf.name,
            leaf.value.shape,
            "fail" if leaf.name in failing else "inconclusive",
            reason="not compared",
            dtype=leaf.value.dtype.name,
        )
        for leaf in problem.leaves
    )


def with_held(
    whole: Problem, gradients: tuple[Gradient, ...], findings: tuple[Finding, ...]
) -> tuple[Gradient, ...]:
    """Return the verdicts with those on arrays that were held, of which no number was compared.

    These are declared straight through, or hold numbers that cannot be moved.
    """
    compared = {gradient.name: gradient for gradient in gradients}
    fixed = {f.array for f in findings if f.kind == "range"}

    def held(leaf: Leaf) -> Gradient:
        name, shape, dtype = leaf.name, leaf.value.shape, leaf.value.dtype.name
        if name in fixed:
            return Gradient(name, shape, "inconclusive", reason=FIXED, dtype=dtype)
        return Gradient(name, shape, "pass", reason="straight through, as declared: not compared", dtype=dtype)

    return tuple(compared.get(leaf.name) or held(leaf) for leaf in whole.leaves)


def with_broken(gradients: tuple[Gradient, ...], findings: tuple[Finding, ...]) -> tuple[Gradient, ...]:
    """Return the verdicts where an array fails as well by what was found of it."""
    found = []
    for gradient in gradients:
        kinds = dict.fromkeys(f.kind for f in findings if f.array == gradient.name and f.severity == "fail")
        if kinds and gradient.verdict != "fail":
            gradient = dataclasses.replace(gradient, verdict="fail", reason="broken: " + ", ".join(kinds))
        found.append(gradient)
    return tuple(found)


def _said(compared: Comparisons, leaf: int, gradient: Gradient, believed: bool, coarse: float) -> Iterator[Finding]:
    """Yield what there is to say of one array."""
    array = gradient.name
    if coarse > LOW and not believed and gradient.verdict == "pass" and gradient.digits is not None:
        format = name(max(compared.near.claim.u, compared.steps(leaf)))
        digits = f"checked to {gradient.digits:.1f} digits, all that {format} leaves here"
        yield Finding("precision", f"{array}: {digits}", "note", array)
    why = next((c.doubt for c in compared.of[leaf] if c.doubt in (DOUBT, OF_MADE, OF_INPUTS, OF_DTYPE, ABSORBED)), None)
    if gradient.verdict == "pass" and why:
        digits = "" if gradient.digits is None else f" to {gradient.digits:.1f} digits"
        yield Finding("precision", f"{array}: checked{digits}: {why}", "note", array)
    if gradient.jumps:
        is_infinite = any(c.jump.any() and is_steep(c) for c in compared.of[leaf])
        what = "the slope is infinite" if is_infinite else "the forward pass jumps or moves in steps"
        message = f"{what} there: the claim was judged beside that"
        yield Finding("jump", f"{array}: {message}", "note", array)
    if compared.near.exact and not believed:
        message = f"complex step not believed for {array}: real differences contradict it"
        yield Finding("complex", message, "note", array)
    if gradient.verdict == "fail":
        yield Finding("gradient", _contradiction(gradient), "fail", array)
    elif gradient.verdict == "inconclusive":
        yield Finding("resolution", f"{array}: {gradient.reason}", "inconclusive", array)


def _contradiction(gradient: Gradient) -> str:
    """Say where claim and differences are apart: at the worst entry, or along a direction if that does not show it."""
    at, ladder = "", gradient.ladder
    claimed, numeric, bar = gradient.claimed, gradient.numeric, gradient.bar
    if gradient.is_seen_at_entry and gradient.worst_index is not None:
        at = "[" + ", ".join(map(str, gradient.worst_index)) + "]"
    elif ladder is not None and ladder.index is None and ladder.disagrees:
        at = f", along a random direction of {ladder.moves}"
        claimed, numeric, bar = ladder.claimed, ladder.numeric, ladder.bar
    else:
        claimed = None
    if numeric is None or claimed is None:
        return f"{gradient.name}{at}: the pullback contradicts real differences"
    return f"{gradient.name}{at}: the pullback {contradiction(claimed, numeric, bar)}"


def _nothing(compared: Comparisons) -> str:
    """Return why nothing was compared; "" where something was."""
    if not any(leaf.value.size for leaf in compared.near.problem.leaves):
        return NO_ARRAY
    return "" if compared.near.place.y.size else NO_OUTPUT


def _vacuous(compared: Comparisons, gradients: list[Gradient]) -> Iterator[Finding]:
    """Yield that nothing was compared, or nothing seen."""
    if any(g.verdict == "fail" for g in gradients):
        return
    if nothing := _nothing(compared):
        yield Finding("vacuous", nothing, "inconclusive")
    elif all(g.digits is None for g in gradients):
        flat = all(not g.reason or g.reason.startswith("below the noise") for g in gradients)
        what = "every gradient is below the noise" if flat else "no gradient was resolved"
        yield Finding("vacuous", f"{what}: nothing was checked", "inconclusive")
