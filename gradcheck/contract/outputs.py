"""The output that vjp returns beside that of the plain forward pass."""

from collections.abc import Iterator

import numpy as np

from gradcheck.contract.forward import Forward
from gradcheck.contract.likeness import near
from gradcheck.numeric import staircase
from gradcheck.numeric.ladder import rounded
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.tabulate import Line
from gradcheck.subjects.findings import Finding

ROUNDINGS = 64  # of y, by which two programs may differ that compute the same


def same_output(run: Forward, y: np.ndarray, g: np.ndarray) -> Iterator[Finding]:
    """Yield that the output of vjp is another than `run.y`, a note where roundings of a format inside explain it.

    A compiler fuses the two passes, of which `run` has the one alone, in ways of its own: casts may fall away.
    """
    largest = np.abs(run.y).max(initial=0)
    if near(run.y, y, ROUNDINGS * np.finfo(run.y.dtype).eps * largest):
        return
    message = "the output of vjp differs from that of the plain forward pass"
    point = [np.asarray(x, np.float64) for x in run.point]
    line = Line(run.problem, point, Probe(None, seed=1).direction(point), g[:1], run.y.size)
    steps = staircase.steps(line, finest=0.0)
    part = 0.0 if steps is None else float(steps.noise.max() / rounded(g[:1], run.y).max())
    if near(run.y, y, ROUNDINGS * part * largest):
        yield Finding("forward", f"{message} by roundings of a narrower format inside", "note")
    else:
        yield Finding("forward", message)
