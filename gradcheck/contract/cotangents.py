"""The first call of a pullback: one cotangent for every array, of its shape and dtype, and nothing written to."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.contract.forward import Forward
from gradcheck.contract.integers import whole_numbers
from gradcheck.contract.outputs import same_output
from gradcheck.subjects import alignment
from gradcheck.subjects.adapted import Leaf
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import entry, flat, like, representable
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.raised import is_write


def first_pullback(run: Forward, g: np.ndarray) -> tuple[Problem, Any, Callable, list[Any], np.ndarray, list[Finding]]:
    """Return the problem as it may be asked from then on, y, the pullback, what it gave, and for which cotangents."""
    problem, findings = run.problem, []
    out, pullback = problem.vjp(run.point)
    g = representable(out, g)
    try:
        returned = problem.pull(pullback, like(out, g[0], problem.protect))
    except ValueError as error:
        if not is_write(error):
            raise
        findings.append(_written(run, g[0]))
        problem = problem.changed(protect=False)
        out, pullback = problem.vjp(run.point)
        returned = problem.pull(pullback, like(out, g[0], problem.protect))
    findings += same_output(run, flat(out), g)
    findings += whole_numbers(problem.subject, problem.inputs, *problem.returned)
    for leaf, value in zip(problem.leaves, returned, strict=True):
        findings += _shape_and_dtype(leaf, value, run.y.dtype)
    return problem, out, pullback, returned, g, findings


def is_array(value: Any, x: np.ndarray) -> bool:
    """Whether a cotangent is an array of floating numbers, of the shape of its array."""
    floating = isinstance(value, np.ndarray | np.generic | float) and np.asarray(value).dtype.kind == "f"
    return floating and np.shape(value) == x.shape


def _written(run: Forward, g: np.ndarray) -> Finding:
    """Say what the pullback writes to: the cotangent dy, or what the forward pass was given."""
    out, pullback = run.problem.vjp(run.point)
    try:
        run.problem.pull(pullback, like(out, g, protect=False))
    except ValueError as error:
        if not is_write(error):
            raise
        return Finding("mutation", "the pullback writes to an array that the forward pass was given")
    return Finding("mutation", "the pullback writes to the cotangent dy it was given")


def _shape_and_dtype(leaf: Leaf, dx: Any, widest: np.dtype) -> Iterator[Finding]:
    name, x = leaf.name, leaf.value
    if dx is alignment.MISSING or dx is None:
        got = "nothing" if dx is alignment.MISSING else "None"
        yield Finding("missing", f"the pullback must return a cotangent of {name}, got {got}", array=name)
    elif not isinstance(dx, np.ndarray | np.generic | float) or np.asarray(dx).dtype.kind != "f":
        got = f"dtype {dx.dtype}" if isinstance(dx, np.ndarray) else type(dx).__name__
        yield Finding("dtype", f"the cotangent of {name} must be an array of {x.dtype}, got {got}", array=name)
    elif np.shape(dx) != x.shape:
        message = f"the cotangent of {name} must have shape {x.shape}, got {np.shape(dx)}"
        yield Finding("shape", message, array=name)
    else:
        dx = np.asarray(dx)
        if dx.dtype != x.dtype and not (dx.dtype == widest and np.can_cast(x.dtype, widest)):
            # (a forward pass that widens its input hands over, and gets back, the wider type)
            yield Finding("dtype", f"the cotangent of {name} must have dtype {x.dtype}, got {dx.dtype}", array=name)
        if not np.isfinite(dx).all():
            bad = int(np.flatnonzero(~np.isfinite(dx))[0])
            message = f"the cotangent of {name} must be finite, got {dx.flat[bad]} at {entry([(name, x.shape)], bad)}"
            yield Finding("finite", message, array=name)
