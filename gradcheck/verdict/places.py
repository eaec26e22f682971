"""Where a check is made: at the user's own point, from which steps are exact, and at a generic one near it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gradcheck.numeric import complexstep
from gradcheck.numeric.constants import UNIT
from gradcheck.numeric.points import cotangents, generic, is_constant, spread
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import quantise
from gradcheck.precision.formats import unit_roundoff
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem
from gradcheck.verdict import plan


@dataclasses.dataclass(frozen=True)
class Places:
    """The two places, and what holds at both."""

    own: Place
    near: Place
    along: Probe  # all entries, along which the complex step was tried
    u: float  # roundoff of the format in which the subject computes
    narrow: float  # that of the dtype of its outputs, where this is narrower than float64; else 0
    findings: tuple[Finding, ...]

    @property
    def exact(self) -> bool:
        """Whether the complex step may be tried."""
        return self.along in self.near.slopes

    @property
    def moved(self) -> set[str | None]:
        """Return the names of the parameters that are not what they were at the user's point."""
        return _moved(self.findings)


def _moved(findings: Sequence[Finding]) -> set[str | None]:
    return {f.array for f in findings if f.kind == "moved"}


def choose(problem: Problem, outputs: int, rng: np.random.Generator) -> Places:
    """Choose points and cotangents; the generic point is the own one where the domain ends too near."""
    own, moved = own_point(problem, rng)
    g = cotangents(rng, outputs, 1 if problem.is_large or outputs == 1 else 2)
    near, findings = [generic(x, rng) for x in own], [*moved]
    with np.errstate(all="ignore"):
        y_near = _attempted(problem, near, outputs)
        one_is_enough = problem.is_large and np.isfinite(y_near).all()
        own, y_own = (own, y_near) if one_is_enough else inside(problem, own, _moved(moved))
    narrow = UNIT[y_own.dtype] if y_own.dtype in UNIT and y_own.dtype != np.float64 else 0.0
    y_own, y_near = y_own.astype(np.float64), y_near.astype(np.float64)
    if not np.isfinite(y_near).all():
        message = f"a point 5 % away leaves the domain{_raised(problem, near)}: it was checked at the given point only"
        findings.append(Finding("domain", message, "note"))
        near, y_near = own, y_own
    along = plan.dense([x.size for x in near], True, rng).probes[:1] or [Probe(None)]
    why, slopes = complexstep.tried(problem, near, y_near, along[0])
    if why is not None:
        findings.append(Finding("complex", f"no complex step: {why}", "note"))
    u = max(unit_roundoff([y_own, y_near]), narrow)
    taken = {} if why is not None else {along[0]: slopes}
    return Places(Place(own, y_own, g), Place(near, y_near, g, slopes=taken), along[0], u, narrow, tuple(findings))


def _raised(problem: Problem, point: list[np.ndarray]) -> str:
    """Return what the forward pass raises at a point, in brackets; nothing if it does not."""
    try:
        problem.forward(point)
    except Exception as error:  # whatever the user's code raises outside its domain
        text = f": {str(error).splitlines()[0]}" if str(error) else ""
        return f" ({type(error).__name__}{text})"
    return ""


def unrounded(problem: Problem, own: list[np.ndarray], moved: set[str | None]) -> list[np.ndarray]:
    """Return the own point with all its bits, but for parameters that were moved."""
    pairs = zip(problem.leaves, own, strict=True)
    return [x if leaf.name in moved else leaf.value.astype(np.float64) for leaf, x in pairs]


def inside(problem: Problem, own: list[np.ndarray], moved: set[str | None]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the own point and its outputs; with all its bits where the rounded one lies outside the domain."""
    try:
        return own, problem.forward(own)
    except Exception:  # whatever the user's code raises there; at the very point that was given it raised nothing
        own = unrounded(problem, own, moved)
        return own, problem.forward(own)


def _attempted(problem: Problem, point: list[np.ndarray], size: int) -> np.ndarray:
    """Return the outputs in their own dtype, and what is not a number outside the domain."""
    try:
        y = problem.forward(point)
    except Exception:  # whatever the user's code raises when a step takes it out of its domain
        return np.full(size, np.nan)
    return y if y.size == size else np.full(size, np.nan)


def own_point(problem: Problem, rng: np.random.Generator) -> tuple[list[np.ndarray], list[Finding]]:
    """Return the user's arrays in float64, each entry rounded to a few bits less, and what there is to say of them.

    Parameters that are all ones or zeros, as they are before training, hide what they multiply:
    they are moved to generic values.
    """
    point, notes = [], []
    for leaf in problem.leaves:
        x = quantise(leaf.value)
        if leaf.is_parameter and is_constant(x):
            which = "ones" if x.flat[0] else "zeros"
            message = f"{leaf.name} is all {which}: it was checked at a generic value"
            notes.append(Finding("moved", message, "note", leaf.name))
            x = spread(x, rng)
        if 1 in leaf.value.shape:
            message = f"{leaf.name} has a dimension of 1, which can hide a wrong sum or axis"
            notes.append(Finding("dimension", message, "note", leaf.name))
        point.append(x)
    return point, notes


def with_output(problem: Problem, point: list[np.ndarray], g: np.ndarray) -> Place:
    """Return a place with its output."""
    return Place(point, problem.forward(point).astype(np.float64), g)
