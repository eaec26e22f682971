"""What every pullback owes its caller, found out before any number is compared: cheap and mostly exact."""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.cotangents import first_pullback, is_array
from gradcheck.contract.forward import first_forward, measure_noise
from gradcheck.contract.handling import keeps_handling
from gradcheck.contract.inside import Promise, unless_rounded
from gradcheck.contract.layouts import takes_any_layout
from gradcheck.contract.likeness import measure_rounding
from gradcheck.contract.linear import is_linear
from gradcheck.contract.repeats import repeats
from gradcheck.contract.steps import steps_alike
from gradcheck.numeric.points import cotangents
from gradcheck.precision.formats import unit_roundoff
from gradcheck.subjects.adapted import Broken
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.raised import in_one_line

AGAIN = "called again"
PROMISES: tuple[tuple[str, Promise], ...] = (  # the words say when, if it raises: "called again, the subject raises"
    (AGAIN, keeps_handling),  # at the given point, before another is tried
    (AGAIN, repeats),
    ("for another dy", functools.partial(unless_rounded, is_linear)),
    ("for arrays in another memory layout", functools.partial(unless_rounded, takes_any_layout)),
    ("in a second step", steps_alike),
)


@dataclasses.dataclass(frozen=True)
class Contract:
    """What was found; `problem` is as it may be asked from then on."""

    problem: Problem
    findings: tuple[Finding, ...]
    comparable: bool = False  # whether there are numbers to compare
    outputs: int = 0
    roundings: float = 0.0  # what roundings make of y, in units of one of its format

    @property
    def fixed(self) -> tuple[str, ...]:
        """The names of arrays that cannot be moved, at the ends of the range."""
        return tuple(f.array for f in self.findings if f.kind == "range" and f.array is not None)


def examine(problem: Problem, rng: np.random.Generator) -> Contract:
    """Try all promises in order, as far as there is an answer.

    Raises:
        ValueError: the forward pass is not finite at the given point.
    """
    try:
        run = first_forward(problem)
    except Broken as broken:
        return Contract(problem, (Finding(broken.kind, broken.message, array=broken.array),))
    if not run.comparable:
        return Contract(run.problem, run.findings)
    g = cotangents(rng, run.y.size)
    u = max(2 * unit_roundoff([run.y]), *(float(np.finfo(x.dtype).eps) for x in run.point))
    noise = measure_noise(run, u, problem.is_large, rng)
    try:
        problem, out, pullback, returned, g, findings = first_pullback(run, g)
    except Broken as broken:
        found = (*run.findings, Finding(broken.kind, broken.message, array=broken.array))
        return Contract(run.problem, found, outputs=run.y.size, roundings=noise / u)
    findings = [*run.findings, *findings]
    if not all(is_array(dx, x) for dx, x in zip(returned, run.point, strict=True)):
        return Contract(problem, _once(findings), outputs=run.y.size, roundings=noise / u)
    first = [np.array(d, np.float64) for d in returned]
    wide = max(u, 2 * unit_roundoff(first))
    call = Call(problem, run.point, run.y, g, out, pullback, returned, first, wide, noise, problem.is_large)
    later = list(_kept(call, rng))
    if any(f.kind == "raises" for f in later):
        problem = problem.changed(once=True)
    return Contract(problem, _once([*findings, *later]), True, run.y.size, noise / u)


def _kept(call: Call, rng: np.random.Generator) -> Iterator[Finding]:
    """Yield what each promise finds; the first call went well, so an error is a finding about the later ones."""
    now = AGAIN
    try:
        rounding = measure_rounding(call, rng)
        for when, promise in PROMISES:
            now = when
            yield from promise(call, rounding, rng)
    except Exception as error:  # whatever the user's code raises
        yield Finding("raises", f"{now}, the subject raises {in_one_line(error)}")


def _once(findings: list[Finding]) -> tuple[Finding, ...]:
    """Leave out failures of one kind for one array after the first."""
    kept: dict[tuple, Finding] = {}
    for i, f in enumerate(findings):
        kept.setdefault((f.kind, f.array) if f.severity == "fail" else (i,), f)
    return tuple(kept.values())
