"""What every pullback owes its caller, found out before any number is compared: cheap and mostly exact."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck import trees
from gradcheck.complexstep import jittered
from gradcheck.findings import Finding
from gradcheck.layouts import LAYOUTS
from gradcheck.noise import unit_roundoff
from gradcheck.points import cotangents, scale
from gradcheck.problem import Problem, flat, is_write, like
from gradcheck.subjects import Broken

POWERS = (-1.0, 2.0, 2.0**10, 2.0**-12)  # scaling by these commutes with rounding
LARGE = 100_000  # entries from which only the checks that say most for their cost are made


class Contract:
    """Makes the checks in order and collects findings; `fatal` when no gradient can be compared."""

    def __init__(self, problem: Problem, rng: np.random.Generator):
        self.problem = problem
        self.point = [leaf.value for leaf in problem.leaves]
        self.large = sum(x.size for x in self.point) > LARGE
        self.rng, self.findings, self.fatal = rng, list[Finding](), False
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
        if not np.isfinite(y).all():
            bad = int(np.flatnonzero(~np.isfinite(y))[0])
            raise ValueError(
                f"gradcheck: the forward pass of {self.problem.name} must be finite where it is checked, "
                f"got {y[bad]} at entry {bad} of the output"
            )
        self.y = y.copy()
        if not np.array_equal(self.y, self.problem.forward(self.point)):
            message = "two forward passes at one point differ: hand over a numpy.random.Generator, which is replayed"
            self.findings.append(Finding("stochastic", message, "inconclusive"))
            self.fatal = True
        self.g = cotangents(self.rng, y.size)
        self.u = max(self.u, 2 * unit_roundoff([self.y]))

    def _pullback(self) -> None:
        self.out, self.pullback = self._vjp_and_pull()
        if self.fatal:
            return
        for step, check in (
            ("called again", self._keeps_results_and_residuals),
            ("for another dy", self._is_linear),
            ("for arrays in another memory layout", self._takes_any_layout),
        ):
            try:
                check()
            except Exception as error:  # the first call went well, so this is a finding about the others
                text = str(error).splitlines()[0] if str(error) else "no message"
                self.fail("raises", f"{step}, the subject raises {type(error).__name__}: {text}")
                if check != self._takes_any_layout:
                    self.fatal = True
                    return

    def _vjp_and_pull(self) -> tuple[Any, Callable]:
        out, pullback = self.problem.vjp(self.point)
        try:
            self.raw = self._pull(out, pullback, self.g[0])
        except ValueError as error:
            if not is_write(error):
                raise
            self._mutation()
            self.problem.protect = False
            out, pullback = self.problem.vjp(self.point)
            self.raw = self._pull(out, pullback, self.g[0])
        if not _near(self.y, flat(out), 64 * np.finfo(self.y.dtype).eps * np.abs(self.y).max(initial=0)):
            self.fail("forward", "the output of vjp differs from that of the plain forward pass")
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
        elif not isinstance(dx, np.ndarray | np.generic | float) or np.asarray(dx).dtype.kind not in "f":
            got = f"dtype {dx.dtype}" if isinstance(dx, np.ndarray) else type(dx).__name__
            self.fail("dtype", f"the cotangent of {name} must be an array of {x.dtype}, got {got}", name)
            self.fatal = True
        elif np.shape(dx) != x.shape:
            self.fail("shape", f"the cotangent of {name} must have shape {x.shape}, got {np.shape(dx)}", name)
            self.fatal = True
        else:
            dx = np.asarray(dx)
            if dx.dtype != x.dtype:
                self.fail("dtype", f"the cotangent of {name} must have dtype {x.dtype}, got {dx.dtype}", name)
            if not np.isfinite(dx).all():
                bad = tuple(int(i) for i in np.argwhere(~np.isfinite(dx))[0])
                self.fail("finite", f"the cotangent of {name} must be finite, got {dx[bad]} at {bad}", name)

    def _keeps_results_and_residuals(self) -> None:
        """A later call changes no earlier result, and another forward pass between changes nothing."""
        self.two = [np.array(d, np.float64) for d in self._pull(self.out, self.pullback, self.g[1])]
        for leaf, kept, now in self._pairs(self.one, self.raw):
            if not np.array_equal(kept, now, equal_nan=True):
                self.fail("alias", f"a later call of the pullback changes the cotangent of {leaf} it returned", leaf)
        y = flat(self.out).copy()
        with contextlib.suppress(Exception):  # this other point may lie outside the domain
            self.problem.vjp([(1.25 * x).astype(x.dtype) for x in self.point])
        if not np.array_equal(flat(self.out), y, equal_nan=True):
            self.fail("alias", "a later forward pass changes the output that an earlier one returned")
        again = self._pull(self.out, self.pullback, self.g[0])
        if all(np.array_equal(a, b, equal_nan=True) for a, b in zip(self.one, again, strict=True)):
            return
        out, pullback = self.problem.vjp(self.point)
        first = [np.array(d) for d in self._pull(out, pullback, self.g[0])]
        second = self._pull(out, pullback, self.g[0])
        for leaf, a, b in self._pairs(first, second):
            if not np.array_equal(a, b, equal_nan=True):
                self.fail("repeat", f"called twice with one dy, the pullback gives two cotangents of {leaf}", leaf)
        for leaf, a, b in self._pairs(self.one, again):
            if not np.array_equal(a, b, equal_nan=True) and not any(f.kind == "repeat" for f in self.findings):
                message = f"after another forward pass the pullback gives another cotangent of {leaf} (stale residuals)"
                self.fail("stale", message, leaf)

    def _is_linear(self) -> None:
        self.jitter = dict.fromkeys((leaf.name for leaf in self.problem.leaves), 0.0)
        for _ in range(1 if self.large else 4):
            nearby = self._pull(self.out, self.pullback, jittered([self.g[0]], self.rng, self.u)[0])
            for leaf, a, b in self._pairs(self.one, nearby):
                self.jitter[leaf] = max(self.jitter[leaf], float(np.abs(a - b).max(initial=0)))
        narrow = self.u > 1e-5  # float16 overflows
        for c in (-2.0,) if self.large or narrow else POWERS:
            scaled = self._pull(self.out, self.pullback, c * self.g[0])
            for leaf, a, b in self._pairs([c * d for d in self.one], scaled):
                # equality is expected; the slack is for subnormal products and sums in another order
                if not _near(a, b, self.u * 2**13 * np.abs(a).max(initial=0) + abs(c) * self._rounding(leaf)):
                    message = f"the cotangent of {leaf} is not linear in dy: B({c:g} dy) is not {c:g} B(dy)"
                    self.fail("homogeneous", message, leaf)
        if not self.large:
            for leaf, a, b in self._pairs(self.one, self._pull(self.out, self.pullback, 0 * self.g[0])):
                if not _near(0 * a, b, 0.0):
                    self.fail("homogeneous", f"the cotangent of {leaf} is not linear in dy: B(0) is not 0", leaf)
        both = self._pull(self.out, self.pullback, self.g[0] + self.g[1])
        for (leaf, a, b), c in zip(self._pairs(self.one, self.two), both, strict=True):
            size = np.abs(a).max(initial=0) + np.abs(b).max(initial=0)
            if not _near(a + b, c, 1e4 * self.u * size + self._rounding(leaf)):
                self.fail("additive", f"the cotangent of {leaf} is not linear in dy: B(a + b) is not B(a) + B(b)", leaf)

    def _takes_any_layout(self) -> None:
        """Strided, Fortran-ordered and broadcast arrays hold the same numbers and get the same answer."""
        pieces = [x for _, x in trees.leaves(like(self.out, self.g[0], self.problem.protect))]
        for layout, rearrange in list(LAYOUTS.items())[: 1 if self.large else None]:
            out, pullback = self.problem.vjp([rearrange(x) for x in self.point])
            dy = trees.rebuild(out, iter([rearrange(x) for x in pieces]))
            if not _near(self.y, flat(out), 1e4 * self.u * np.abs(self.y).max(initial=0)):
                self.fail("layout", f"{layout} inputs change the output")
            self._compare(layout, self.one, self.problem.pull(pullback, dy))
        if not self.large and self.problem.protect:
            ones = self._pull(self.out, self.pullback, np.ones_like(self.g[0]))
            dy = trees.rebuild(self.out, iter([np.broadcast_to(x.dtype.type(1), x.shape) for x in pieces]))
            self._compare("zero-stride", ones, self.problem.pull(self.pullback, dy))

    def _compare(self, layout: str, expected: list, got: list) -> None:
        for leaf, a, b in self._pairs(expected, got):
            if not _near(a, b, 1e4 * self.u * np.abs(a).max(initial=0) + self._rounding(leaf)):
                self.fail("layout", f"{layout} arrays change the cotangent of {leaf}", leaf)

    def _rounding(self, leaf: str) -> float:
        """Allow for terms that cancel: as the cotangent changes with dy by a rounding, or as y dy / x rounds."""
        x = next(x.value for x in self.problem.leaves if x.name == leaf)
        largest = max((float(np.abs(e).max(initial=0)) for e in self.one), default=0.0)
        natural = float(np.abs(self.y).max(initial=0) * np.abs(self.g).max(initial=0)) / scale(x)
        return 1024 * self.jitter[leaf] + 64 * self.u * max(natural, largest)

    def _pull(self, out: Any, pullback: Callable, g: np.ndarray) -> list[Any]:
        return self.problem.pull(pullback, like(out, g, self.problem.protect))

    def _pairs(self, a: list, b: list) -> list[tuple[str, Any, Any]]:
        return [(leaf.name, x, z) for leaf, x, z in zip(self.problem.leaves, a, b, strict=True)]


def _near(a: Any, b: Any, slack: float) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool((np.abs(a - b) <= slack).all() or np.array_equal(a, b, equal_nan=True))
