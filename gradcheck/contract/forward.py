"""The forward pass: it writes to nothing, is finite, repeats itself, and its numbers leave steps room."""

import dataclasses

import numpy as np

from gradcheck.numeric.points import jittered
from gradcheck.numeric.scales import scale
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import entry, output_names
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.raised import is_write

SMALLEST, LARGEST = 2.0**-1005, 2.0**990  # sizes of arrays between which steps have room
REPEATS = 2  # of inputs a few roundings away
ROUNDINGS = 1e4  # of the largest entry of y, by which two runs may differ, and at most half the digits
CANCELLED = 2.0**40  # roundings of the numbers in sight, beyond which a change of y is a jump


@dataclasses.dataclass(frozen=True)
class Forward:
    """The output at the given point; `problem` is as it may be asked from then on."""

    problem: Problem
    point: list[np.ndarray]
    y: np.ndarray  # (m,)
    findings: tuple[Finding, ...]
    comparable: bool  # whether there is anything to compare with


def first_forward(problem: Problem) -> Forward:
    """Run the forward pass at the given point, twice.

    Raises:
        ValueError: the output is not finite.
    """
    point = [leaf.value for leaf in problem.leaves]
    problem, y, findings = _output(problem, point)
    if np.iscomplexobj(y):
        problem = problem.with_paired_outputs()
        y = problem.forward(point)
    if not np.isfinite(y).all():
        bad = int(np.flatnonzero(~np.isfinite(y))[0])
        where = entry(output_names(problem.output(point)), bad)
        raise ValueError(
            f"gradcheck: the forward pass of {problem.name} must be finite where it is checked, "
            f"got {y[bad]} at {where}"
        )
    ends = _out_of_range(problem)
    problem, notes = _in_its_own_width(problem, point)
    findings += [*ends, *notes]
    differs = _differs(y, problem.forward(point), max(float(np.finfo(x.dtype).eps) for x in point))
    findings += differs
    moving = {leaf.name for leaf in problem.leaves} - {*problem.declared.straight_through, *(f.array for f in ends)}
    is_room = not ends or bool(moving)
    return Forward(problem, point, y, tuple(findings), is_room and all(f.severity == "note" for f in differs))


def _differs(y: np.ndarray, again: np.ndarray, eps: float) -> list[Finding]:
    """Two runs that differ by roundings alone, as of a sum whose order follows its memory or threads, are no draws."""
    if np.array_equal(y, again):
        return []
    apart = float(np.abs(y - again).max())
    if apart <= min(ROUNDINGS * eps, np.sqrt(eps)) * float(np.abs(y).max()):
        told = f"two runs at one point differ by {apart:.1e}; the bar holds that"
        return [Finding("scatter", f"the forward pass is not deterministic: {told}", "note")]
    message = "two forward passes at one point differ: hand over a numpy.random.Generator, which is replayed"
    return [Finding("stochastic", message, "inconclusive")]


def measure_noise(run: Forward, u: float, large: bool, rng: np.random.Generator) -> float:
    """Return what roundings make of y: its own, or more where terms cancel and leave theirs."""
    eps = max(float(np.finfo(x.dtype).eps) for x in run.point)
    own = float(np.abs(run.y).max(initial=0))
    most = CANCELLED * eps * max(1.0, own, *(float(np.abs(x).max(initial=0)) for x in run.point))
    change = 0.0
    for _ in range(1 if large else REPEATS):
        moved = zip(jittered(run.point, rng, eps), run.point, strict=True)
        y = run.problem.attempt([x.astype(kept.dtype) for x, kept in moved], run.y.size)
        change = max(change, float(np.abs(np.nan_to_num(y - run.y)).max(initial=0)))
    return max(u * own, min(change, most))


def _output(problem: Problem, point: list[np.ndarray]) -> tuple[Problem, np.ndarray, list[Finding]]:
    try:
        return problem, problem.forward(point), []
    except ValueError as error:
        if not is_write(error):
            raise
    problem = problem.changed(protect=False)
    y = problem.forward(point)
    pairs = zip(problem.leaves, problem.handed, strict=True)
    changed = [leaf.name for leaf, x in pairs if not np.array_equal(x, leaf.value, equal_nan=True)]
    what = " and ".join(changed) or "an array it was given"
    return problem, y, [Finding("mutation", f"the forward pass writes to {what}")]


def _out_of_range(problem: Problem) -> list[Finding]:
    """Arrays of numbers at the ends of the range of float64 leave steps no room: they stay where they are."""
    findings = []
    for leaf in problem.leaves:
        size = scale(leaf.value)
        if not SMALLEST <= size <= LARGEST:
            want = f"must have entries between {SMALLEST:.0e} and {LARGEST:.0e}, or steps have no room"
            message = f"{leaf.name} {want}, got entries of about {size:.0e}"
            findings.append(Finding("range", message, "inconclusive", leaf.name))
    return findings


def _in_its_own_width(problem: Problem, point: list[np.ndarray]) -> tuple[Problem, list[Finding]]:
    """Where the subject refuses float64 it is handed its own dtype from then on: a kernel that has no other."""
    if all(x.dtype == np.float64 for x in point):
        return problem, []
    try:
        problem.forward([x.astype(np.float64) for x in point])
    except Exception:  # whatever the user's code raises for a dtype that it does not take
        narrow = ", ".join(dict.fromkeys(str(x.dtype) for x in point))
        message = f"the subject refuses float64: it was checked in {narrow} alone"
        return problem.changed(narrow_only=True), [Finding("narrow", message, "note")]
    return problem, []
