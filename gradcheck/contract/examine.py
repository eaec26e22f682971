"""What every pullback owes its caller, found out before any number is compared: cheap and mostly exact."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.contract.integers import whole_numbers
from gradcheck.contract.likeness import measure_noise, near
from gradcheck.contract.linear import is_linear, measure_rounding
from gradcheck.contract.repeats import keeps_results, takes_any_layout
from gradcheck.numeric.points import cotangents
from gradcheck.numeric.scales import scale
from gradcheck.precision.formats import unit_roundoff
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Broken
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem, flat, is_write, like, representable
from gradcheck.verdict.plan import LARGE

SMALLEST, LARGEST = 2.0**-1005, 2.0**990  # sizes of arrays between which steps have room


class Contract:
    """Makes the checks in order and collects findings; `fatal` when no gradient can be compared."""

    def __init__(self, problem: Problem, rng: np.random.Generator, nondeterministic: bool = False):
        self.problem, self.nondeterministic = problem, nondeterministic
        self.point = [leaf.value for leaf in problem.leaves]
        self.large = sum(x.size for x in self.point) > LARGE
        self.rng, self.findings, self.fatal = rng, list[Finding](), False
        self.two: list[np.ndarray] = []  # the cotangents for the second dy
        self.scales: dict[str, float] = {}  # of the arrays, by name
        self.jitter: dict[str, float] = {}  # by array: how much a rounding of dy changes its cotangent
        self.narrow: dict[str, float] = {}  # by array: the roundoff of a narrow format through which dy goes
        self.noise = self.roundings = 0.0  # what roundings make of y, and that in units of one
        self.u = max((float(np.finfo(x.dtype).eps) for x in self.point), default=2.0**-52)

    def examine(self) -> None:
        with np.errstate(all="ignore"):
            try:
                self._forward()
                if not self.fatal:
                    self._pullback()
            except Broken as broken:
                self.fail(broken.kind, broken.message, broken.array)
                self.fatal = True

    def fail(self, kind: str, message: str, array: str | None = None) -> None:
        if not any(f.kind == kind and f.array == array for f in self.findings):
            self.findings.append(Finding(kind, message, "fail", array))

    def _forward(self) -> None:
        try:
            y = self.problem.forward(self.point)
        except ValueError as error:
            if not is_write(error):
                raise
            self.problem.protect = False
            y = self.problem.forward(self.point)
            self.fail("mutation", f"the forward pass writes to {self._written()}")
        if np.iscomplexobj(y):
            self.problem.pair_outputs()
            y = self.problem.forward(self.point)
        if not np.isfinite(y).all():
            bad = int(np.flatnonzero(~np.isfinite(y))[0])
            raise ValueError(
                f"gradcheck: the forward pass of {self.problem.name} must be finite where it is checked, "
                f"got {y[bad]} at entry {bad} of the output"
            )
        self._range()
        self._width()
        self.y = y.copy()
        if not np.array_equal(self.y, self.problem.forward(self.point)):
            message = "two forward passes at one point differ: hand over a numpy.random.Generator, which is replayed"
            self.findings.append(Finding("stochastic", message, "inconclusive"))
            self.fatal = True
        self.g = cotangents(self.rng, y.size)
        self.u = max(self.u, 2 * unit_roundoff([self.y]))
        self.noise = measure_noise(self)
        self.roundings = self.noise / self.u

    def _range(self) -> None:
        """Arrays of numbers at the ends of the range of float64 leave steps no room."""
        for leaf in self.problem.leaves:
            size = scale(leaf.value)
            if not SMALLEST <= size <= LARGEST:
                want = f"must have entries between {SMALLEST:.0e} and {LARGEST:.0e}, or steps have no room"
                message = f"{leaf.name} {want}, got entries of about {size:.0e}"
                self.findings.append(Finding("range", message, "inconclusive", leaf.name))
                self.fatal = True

    def _width(self) -> None:
        """Where the subject refuses float64 it is handed its own dtype from then on: a kernel that has no other."""
        if all(x.dtype == np.float64 for x in self.point):
            return
        try:
            self.problem.forward([x.astype(np.float64) for x in self.point])
        except Exception:  # whatever the user's code raises for a dtype that it does not take
            self.problem.narrow_only = True
            narrow = ", ".join(dict.fromkeys(str(x.dtype) for x in self.point))
            message = f"the subject refuses float64: it was checked in {narrow} alone"
            self.findings.append(Finding("narrow", message, "note"))

    def _pullback(self) -> None:
        self.out, self.pullback = self._vjp_and_pull()
        if self.fatal:
            return
        for step, check in (
            ("called again", keeps_results),
            ("called again", measure_rounding),
            ("for another dy", is_linear),
            ("for arrays in another memory layout", takes_any_layout),
        ):
            try:
                check(self)
            except Exception as error:  # the first call went well, so this is a finding about the others
                text = str(error).splitlines()[0] if str(error) else "no message"
                self.fail("raises", f"{step}, the subject raises {type(error).__name__}: {text}")
                self.problem.once = True
                return

    def _vjp_and_pull(self) -> tuple[Any, Callable]:
        out, pullback = self.problem.vjp(self.point)
        self.g = representable(out, self.g)
        try:
            self.raw = self.pull(out, pullback, self.g[0])
        except ValueError as error:
            if not is_write(error):
                raise
            self._mutation()
            self.problem.protect = False
            out, pullback = self.problem.vjp(self.point)
            self.raw = self.pull(out, pullback, self.g[0])
        if not near(self.y, flat(out), 64 * np.finfo(self.y.dtype).eps * np.abs(self.y).max(initial=0)):
            self.fail("forward", "the output of vjp differs from that of the plain forward pass")
        self.findings += whole_numbers(self.problem.subject, self.problem.inputs, self.problem.d_inputs)
        for leaf, value in zip(self.problem.leaves, self.raw, strict=True):
            self._shape_and_dtype(leaf.name, leaf.value, value)
        if not self.fatal:
            self.one = [np.array(d, np.float64) for d in self.raw]
            self.u = max(self.u, 2 * unit_roundoff(self.one))
        return out, pullback

    def _mutation(self) -> None:
        """Say what the pullback writes to: the cotangent dy, or what the forward pass was given."""
        out, pullback = self.problem.vjp(self.point)
        try:
            self.problem.pull(pullback, like(out, self.g[0], protect=False))
        except ValueError as error:
            if not is_write(error):
                raise
            self.fail("mutation", "the pullback writes to an array that the forward pass was given")
        else:
            self.fail("mutation", "the pullback writes to the cotangent dy it was given")

    def _written(self) -> str:
        pairs = zip(self.problem.leaves, self.problem.handed, strict=True)
        changed = [leaf.name for leaf, x in pairs if not np.array_equal(x, leaf.value, equal_nan=True)]
        return " and ".join(changed) or "an array it was given"

    def _shape_and_dtype(self, name: str, x: np.ndarray, dx: Any) -> None:
        if dx is trees.MISSING or dx is None:
            got = "nothing" if dx is trees.MISSING else "None"
            self.fail("missing", f"the pullback must return a cotangent of {name}, got {got}", name)
            self.fatal = True
        elif not isinstance(dx, np.ndarray | np.generic | float) or np.asarray(dx).dtype.kind != "f":
            got = f"dtype {dx.dtype}" if isinstance(dx, np.ndarray) else type(dx).__name__
            self.fail("dtype", f"the cotangent of {name} must be an array of {x.dtype}, got {got}", name)
            self.fatal = True
        elif np.shape(dx) != x.shape:
            self.fail("shape", f"the cotangent of {name} must have shape {x.shape}, got {np.shape(dx)}", name)
            self.fatal = True
        else:
            dx = np.asarray(dx)
            if dx.dtype != x.dtype and not (dx.dtype == self.y.dtype and self.y.dtype.itemsize > x.dtype.itemsize):
                # (a forward pass that widens its input hands over, and gets back, the wider type)
                self.fail("dtype", f"the cotangent of {name} must have dtype {x.dtype}, got {dx.dtype}", name)
            if not np.isfinite(dx).all():
                bad = tuple(int(i) for i in np.argwhere(~np.isfinite(dx))[0])
                self.fail("finite", f"the cotangent of {name} must be finite, got {dx[bad]} at {bad}", name)

    def pull(self, out: Any, pullback: Callable, g: np.ndarray) -> list[Any]:
        return self.problem.pull(pullback, like(out, g, self.problem.protect))

    def pairs(self, a: list, b: list) -> list[tuple[str, Any, Any]]:
        return [(leaf.name, x, z) for leaf, x, z in zip(self.problem.leaves, a, b, strict=True)]
