"""The check: contract first, then every array's gradient against numbers, at the user's point and near it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck import complexstep
from gradcheck.analytic import analytic
from gradcheck.compare import Comparer, Comparison
from gradcheck.conclude import conclude
from gradcheck.contract import LARGE, Contract
from gradcheck.findings import Finding
from gradcheck.locate import locate
from gradcheck.measure import Place
from gradcheck.noise import unit_roundoff
from gradcheck.points import Probe, cotangents, generic, is_constant, quantise, spread
from gradcheck.problem import Problem
from gradcheck.report import Gradient, GradientError, Report

EXHAUSTIVE = 256  # entries up to which every one is differenced
SUSPECTS = 4  # entries an array, zeros or ties, that are differenced at the user's own point in a larger problem
DIRECTIONS = 2  # an array, with the complex step; one of them (two without it) with real differences


class Checker:
    """A check with options of its own; an instance is called like `check`.

    Args:
        seed: of all random numbers that the check draws.
    """

    def __init__(self, *, seed: int = 0):
        self.seed = seed
        self.mapper: Callable = map

    def __call__(self, subject: Any, *inputs: Any, **constants: Any) -> Report:
        """Check the backward pass of `subject` at `inputs`.  See `gradcheck.check`."""
        return Examination(Problem(subject, inputs, constants), self.seed, self.mapper).run()


class Examination:
    def __init__(self, problem: Problem, seed: int, mapper: Callable):
        self.problem, self.seed, self.mapper = problem, seed, mapper
        self.rng = np.random.default_rng(seed)
        self.findings: list[Finding] = []
        self.sizes = [leaf.value.size for leaf in problem.leaves]

    def run(self) -> Report:
        contract = Contract(self.problem, self.rng)
        contract.examine()
        self.findings += contract.findings
        if contract.fatal:
            return self._report([self._unexamined(leaf.name, leaf.value.shape) for leaf in self.problem.leaves])
        self._places(contract)
        comparisons = self._compare()
        gradients = self._conclude(comparisons)
        return self._report(gradients)

    # -- where -----------------------------------------------------------------------------------

    def _places(self, contract: Contract) -> None:
        """Choose the user's own point, from which steps are exact, and a generic point near it."""
        own = []
        for leaf in self.problem.leaves:
            x = quantise(leaf.value)
            if leaf.is_parameter and is_constant(x):
                self._note("moved", f"{leaf.name} is all {'zeros' if not x.any() else 'ones'}: checked at a generic value")
                x = spread(x, self.rng)
            own.append(x)
        for leaf in self.problem.leaves:
            if leaf.value.ndim and 1 in leaf.value.shape:
                self._note("dimension", f"{leaf.name} has a dimension of 1, which can hide a wrong sum or axis", leaf.name)
        near = [generic(x, self.rng) for x in own]
        outputs = contract.y.size
        g = cotangents(self.rng, outputs, 2 if outputs > 1 else 1)
        with np.errstate(all="ignore"):
            y_own, y_near = self.problem.forward(own), self.problem.attempt(near, outputs)
        if not np.isfinite(y_near).all():
            self._note("domain", "a point 5 % away leaves the domain: checked at the given point only")
            near, y_near = own, y_own
        self.u = unit_roundoff([y_own.astype(np.float64), y_near.astype(np.float64)])
        self.own, self.near = Place(own, y_own.astype(float), g), Place(near, y_near.astype(float), g)
        why = complexstep.refusal(self.problem, near, self.near.y)
        self.exact = why is None
        if why is not None:
            self._note("complex", f"no complex step: {why}")

    # -- comparisons -----------------------------------------------------------------------------

    def _compare(self) -> list[list[Comparison]]:
        comparisons: list[list[Comparison]] = [[] for _ in self.sizes]
        self.at_near = self._comparer(self.near)
        probes, real = self._dense_probes()
        self._file(comparisons, self.at_near.compare(probes, real))
        units = self._unit_probes() + self._tie_probes()
        if units:
            at_own = self._comparer(self.own, None if self.near.point is self.own.point else self.at_near.level)
            self._file(comparisons, at_own.compare(units, [True] * len(units)))
        self.believed = [self.exact and not any(c.exact_contradicts_real().any() for c in cs) for cs in comparisons]
        self._locate(comparisons)
        return comparisons

    def _comparer(self, place: Place, level: float | None = None) -> Comparer:
        gradient = analytic(self.problem, place.point, place.g, self.rng, self.u, 3 if sum(self.sizes) <= LARGE else 1)
        return Comparer(self.problem, place, gradient, self.mapper, self.exact, self.rng, level)

    def _dense_probes(self) -> tuple[list[Probe], list[bool]]:
        probes, real = [], []
        ladders = 1 if self.exact else 2
        for leaf, size in enumerate(self.sizes):
            for k in range(DIRECTIONS if self.exact else ladders) if size else ():
                probes.append(Probe(leaf, seed=int(self.rng.integers(2**32))))
                real.append(k < ladders)
        return probes, real

    def _unit_probes(self) -> list[Probe]:
        """Return every entry of a small problem; of a large one a few that may lie at a kink."""
        if sum(self.sizes) <= EXHAUSTIVE:
            return [Probe(leaf, coordinate=i) for leaf, size in enumerate(self.sizes) for i in range(size)]
        probes = []
        for leaf, x in enumerate(self.own.point):
            suspects = np.flatnonzero((x == 0) | _tied(x))
            chosen = self.rng.choice(suspects, min(SUSPECTS, suspects.size), replace=False) if suspects.size else ()
            probes += [Probe(leaf, coordinate=int(i)) for i in sorted(chosen)]
        return probes

    def _tie_probes(self) -> list[Probe]:
        """Return a direction for each array with ties that moves equal entries alike: along it a tie is smooth."""
        tied = [leaf for leaf, x in enumerate(self.own.point) if _tied(x).any()]
        return [Probe(leaf, seed=int(self.rng.integers(2**32)), by_value=True) for leaf in tied]

    def _locate(self, comparisons: list[list[Comparison]]) -> None:
        for leaf, found in enumerate(comparisons):
            pinned = any(c.outside().any() for c in found if c.probe.coordinate is not None)
            if any(c.outside().any() for c in found) and not pinned:
                seed = int(self.rng.integers(2**32))
                entries, complete = locate(self.at_near, leaf, self.sizes[leaf], self.believed[leaf], seed)
                found += entries
                if not complete:
                    name = self.problem.leaves[leaf].name
                    self._note("dense", f"{name}: many entries are wrong, of which a sample was located", name)

    @staticmethod
    def _file(comparisons: list[list[Comparison]], new: list[Comparison]) -> None:
        for comparison in new:
            comparisons[comparison.probe.leaf or 0].append(comparison)

    # -- conclusions -----------------------------------------------------------------------------

    def _conclude(self, comparisons: list[list[Comparison]]) -> list[Gradient]:
        values = [np.abs(c.real.value).max() for cs in comparisons for c in cs if c.real is not None]
        largest = float(np.nanmax(values, initial=0)) if values else 0.0
        gradients = []
        for leaf, found, believed in zip(self.problem.leaves, comparisons, self.believed, strict=True):
            gradient = conclude(leaf.name, leaf.value.shape, found, believed, largest)
            if self.exact and not believed:
                self._note("complex", f"complex step not believed for {leaf.name}: real differences contradict it", leaf.name)
            if any(f.array == leaf.name and f.severity == "fail" for f in self.findings):
                gradient.verdict = "fail"
            if any(c.outside().any() for c in found):
                self._explain(gradient)
            elif gradient.verdict == "inconclusive":
                message = f"{gradient.name}: {gradient.reason}"
                self.findings.append(Finding("resolution", message, "inconclusive", gradient.name))
            gradients.append(gradient)
        zero = all(g.digits is None and g.verdict != "fail" for g in gradients)
        if zero and self.near.y.size and any(self.sizes):
            self.findings.append(Finding("vacuous", "every gradient is below the noise: nothing was checked", "inconclusive"))
        return gradients

    def _explain(self, gradient: Gradient) -> None:
        if gradient.worst_index is None or gradient.numeric is None:
            return
        at = "[" + ", ".join(map(str, gradient.worst_index)) + "]"
        message = (
            f"{gradient.name}{at}: the pullback gives {gradient.claimed:.12g}, "
            f"differences give {gradient.numeric:.12g} +- {gradient.bar:.1e}"
        )
        self.findings.append(Finding("gradient", message, "fail", gradient.name))

    def _unexamined(self, name: str, shape: tuple[int, ...]) -> Gradient:
        guilty = any(f.array == name and f.severity == "fail" for f in self.findings)
        return Gradient(name, shape, "fail" if guilty else "inconclusive", reason="not compared")

    def _report(self, gradients: list[Gradient]) -> Report:
        severities = {f.severity for f in self.findings} | {g.verdict for g in gradients}
        verdict = next((v for v in ("fail", "inconclusive") if v in severities), "pass")
        return Report(self.problem.name, verdict, gradients, self.findings, self.problem.count, self.seed)

    def _note(self, kind: str, message: str, array: str | None = None) -> None:
        self.findings.append(Finding(kind, message, "note", array))


def _tied(x: np.ndarray) -> np.ndarray:
    """Return where an entry occurs more than once in its array."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return counts[inverse.reshape(x.shape)] > 1


def check(subject: Any, *inputs: Any, **constants: Any) -> Report:
    """Check a backward pass against numbers; there is no step size and no tolerance to choose.

    Args:
        subject: an object with `vjp(*inputs, **constants) -> (y, pullback)` whose pullback returns its
            own cotangent first; a function that returns `(y, pullback)`; or what `gradcheck.adapters` make.
        inputs: floating arrays, or trees of them, that are differentiated; others are constants.
        constants: handed over by keyword and not differentiated (masks, ids, random generators).

    Returns:
        A report with `verdict`, `findings`, `gradients` and `evaluations`.

    Raises:
        TypeError: the subject is of no known kind, or there is no floating array to differentiate.
        ValueError: the forward pass is not finite at the inputs.
    """
    return Checker()(subject, *inputs, **constants)


def assert_gradients(subject: Any, *inputs: Any, **constants: Any) -> None:
    """Raise GradientError, with the report as its message, unless `check` says "pass"."""
    report = check(subject, *inputs, **constants)
    if report.verdict != "pass":
        raise GradientError(report)
