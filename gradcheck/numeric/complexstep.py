"""The complex step: Im f(x + i h d) / h, a derivative without subtraction.  Squire and Trapp 1998.

It is believed only inside a gate.  Where f takes a real part, a modulus or a conjugate on the way it
returns a wrong number without a warning; so each array's complex derivative must also agree with real
differences of the same array.
"""

import warnings

import numpy as np

from gradcheck.numeric.constants import COMPLEX_STEP, JITTERS
from gradcheck.numeric.function import Function, project
from gradcheck.numeric.points import jittered
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.problem import Arrays


def tried(problem: Function, point: Arrays, y: np.ndarray, probe: Probe) -> tuple[str | None, np.ndarray]:
    """Return why f cannot be trusted with complex input at all, or None and J d (m,) along a probe."""
    none = np.zeros(0)
    if not problem.complex_safe:
        return "not available for this kind of subject", none
    try:
        z = _evaluate(problem, point, probe.direction(point), COMPLEX_STEP)
    except Exception as error:  # whatever the user's code raises for complex input: then there is no complex step
        return f"complex input raises {type(error).__name__}", none
    if z.dtype != np.complex128:
        return f"complex input gives {z.dtype} output", none
    if z.shape != y.shape:
        return "complex input changes the output's shape", none
    if not np.isfinite(z).all():
        return "complex input gives output that is not finite", none
    size = max(np.abs(y).max(initial=0), np.abs(z.imag).max(initial=0))  # of 0 as well all that is left is h squared
    slack = 64 * np.finfo(float).eps * size
    if not (np.abs(z.real - y) <= slack).all():
        return "complex input changes the output's real part", none
    return None, z.imag / COMPLEX_STEP


def slopes(problem: Function, point: Arrays, probe: Probe) -> np.ndarray:
    """Return J d (m,)."""
    return _evaluate(problem, point, probe.direction(point), COMPLEX_STEP).imag / COMPLEX_STEP


def projected(slope: np.ndarray, g: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return <g, J d> (G,) and the size of its rounding, in units of the rounding of one product (G,)."""
    size = np.abs(slope) if g is None else root_sum_square(g * slope, axis=1)
    return project(g, slope), size


def noise(
    problem: Function,
    point: Arrays,
    probe: Probe,
    g: np.ndarray | None,
    rng: np.random.Generator,
    value: np.ndarray,
    repeats: int = JITTERS,
) -> np.ndarray:
    """Return the spread (G,) of the derivative under changes of the point by a few roundings."""
    spread, direction = np.zeros(len(value)), probe.direction(point)
    for _ in range(repeats):
        h = COMPLEX_STEP * rng.uniform(1, 2)
        moved = jittered(point, rng)
        try:
            slope = _evaluate(problem, moved, direction, h).imag / h
        except Exception:  # whatever the user's code raises when a few roundings take it out of its domain
            slope = _evaluate(problem, point, direction, h).imag / h
        spread = np.maximum(spread, np.abs(project(g, slope) - value))
    return spread


def _evaluate(problem: Function, point: Arrays, direction: dict[int, np.ndarray], h: float) -> np.ndarray:
    arrays = [np.array(x, np.complex128) for x in point]  # also of a number without axes, whose imag cannot be set
    for i, d in direction.items():
        arrays[i].imag = h * d
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        return problem.forward(arrays)
