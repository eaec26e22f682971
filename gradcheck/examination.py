"""One check from start to end: contract, places, comparisons, verdicts."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np

from gradcheck import complexstep, plan, saturation, ties
from gradcheck.analytic import Analytic, analytic
from gradcheck.compare import Comparer
from gradcheck.comparison import Comparison
from gradcheck.conclude import conclude, need
from gradcheck.contract import Contract
from gradcheck.diagnosis import EXPLAINED, explain
from gradcheck.findings import Finding
from gradcheck.forward_mode import compare_forward_mode
from gradcheck.given import compare_at_given, settled
from gradcheck.locate import locate
from gradcheck.measure import Place
from gradcheck.path import follow
from gradcheck.noise import unit_roundoff
from gradcheck.options import Options
from gradcheck.places import own_point, places
from gradcheck.points import Probe
from gradcheck.problem import Problem
from gradcheck.report import Gradient, Report
from gradcheck.reports.reproducer import script
from gradcheck.shadow import compare_with_shadow
from gradcheck.survey import convergence, error_map


class Examination:
    def __init__(self, problem: Problem, seed: int, mapper: Callable, options: Options):
        self.problem, self.seed, self.mapper, self.options = problem, seed, mapper, options
        self.rng = np.random.default_rng(seed)
        self.findings: list[Finding] = []
        self.sizes = [leaf.value.size for leaf in problem.leaves]
        self.large = sum(self.sizes) > plan.LARGE

    def run(self) -> Report:
        contract = Contract(self.problem, self.rng, self.options.nondeterministic)
        contract.examine()
        self.findings += [*self.options.declared(), *self.problem.subject.findings, *contract.findings]
        if contract.fatal:
            return self._report([self._unexamined(leaf.name, leaf.value.shape) for leaf in self.problem.leaves])
        self.finite = not any(f.kind == "finite" for f in contract.findings)
        self._choose_places(contract)
        comparisons = self._compare()
        gradients = self._conclude(comparisons)
        self.findings += compare_forward_mode(self.at_near, self.along)
        self.findings += compare_with_shadow(self.problem, self.own, self.rng, self.u)
        for gradient in gradients:
            kinds = [f.kind for f in self.findings if f.array == gradient.name and f.severity == "fail"]
            if kinds and gradient.verdict != "fail":
                gradient.verdict, gradient.reason = "fail", "broken: " + ", ".join(dict.fromkeys(kinds))
        return self._report(gradients)

    def _choose_places(self, contract: Contract) -> None:
        own, notes = own_point(self.problem, self.rng)
        self.own, self.near, more = places(self.problem, own, contract.y.size, self.rng)
        self.findings += notes + more
        self.u = unit_roundoff([self.own.y, self.near.y])
        self.noise = contract.roundings * 2 * self.u  # not as of a narrow dtype, in which it was measured
        why = complexstep.refusal(self.problem, self.near.point, self.near.y)
        self.exact = why is None
        if why is not None:
            self.findings.append(Finding("complex", f"no complex step: {why}", "note"))

    def _compare(self) -> list[list[Comparison]]:
        """Return the comparisons of each array; those along which all arrays move belong to every one."""
        comparisons: list[list[Comparison]] = [[] for _ in self.sizes]
        self.at_near = self._comparer(self.near)
        self._file(comparisons, self.at_near, plan.dense(self.sizes, self.exact, self.rng))
        if self.large and self.exact and any(_doubted(c) for cs in comparisons for c in cs):
            comparisons = [[] for _ in self.sizes]
            self._file(comparisons, self.at_near, plan.apart(self.sizes, self.rng, set()))
        self.along = [list(found) for found in comparisons]
        self._compare_given(comparisons)
        self.believed = [self.exact and not any(c.exact_contradicts_real().any() for c in cs) for cs in comparisons]
        self._locate(comparisons)
        return comparisons

    def _compare_given(self, comparisons: list[list[Comparison]]) -> None:
        """Compare at the user's own point: every entry, or dense directions and the entries that these lead to."""
        at_own = self._comparer(self._fresh_own(), self.at_near.level)
        if not _finite(at_own.analytic) and self.finite:  # rounded to few bits the point is on the edge of the domain
            exact = [leaf.value.astype(np.float64) for leaf in self.problem.leaves]
            self.own = dataclasses.replace(self.own, point=exact)
            at_own = self._comparer(self._fresh_own(), self.at_near.level)
        wrong = {leaf for leaf, found in enumerate(comparisons) if any(c.outside().any() for c in found)}
        compare = partial(self._measured, at_own)
        whole = plan.given(self.sizes, self.exact, self.rng, wrong)  # what is wrong near by is wrong
        self._file(comparisons, at_own, plan.special(self.own.point, self.rng))
        first = compare(whole.probes, whole.real)
        if self.large and not all(map(settled, first)):
            whole = plan.apart(self.sizes, self.rng, wrong)
            first = compare(whole.probes, whole.real)
        for leaf in range(len(self.sizes)):
            if leaf in wrong:
                continue
            mine = [c for c in first if c.probe.leaf in (leaf, None)]
            found, complete = compare_at_given(at_own, compare, leaf, mine, self.rng)
            comparisons[leaf] += found
            if not complete:
                name = self.problem.leaves[leaf].name
                message = f"{name} has more kinks at the given point than can be told apart: of these entries a sample was compared"
                self.findings.append(Finding("kinks", message, "note", name))

    def _fresh_own(self) -> Place:
        """Return the own place with its output, which a large problem leaves out until it is needed."""
        return Place(self.own.point, self.problem.forward(self.own.point).astype(np.float64), self.own.g)

    def _comparer(self, place: Place, level: float | None = None) -> Comparer:
        gradient = analytic(self.problem, place.point, place.g, self.rng, self.u, 1 if self.large else 3, self.options)
        return Comparer(self.problem, place, gradient, self.mapper, self.exact, self.rng, level, self.options.noise, self.noise)

    def _measured(self, comparer: Comparer, probes: list[Probe], real: list[bool]) -> list[Comparison]:
        found = comparer.compare(probes, real)
        follow(found, comparer, need(max(self.u, self.options.noise)))
        if comparer.place.point is self.own.point:
            ties.allow(found, comparer)
        saturation.allow(found, comparer, self.noise)
        return found

    def _file(self, comparisons: list[list[Comparison]], comparer: Comparer, plan: plan.Plan) -> None:
        for comparison in self._measured(comparer, plan.probes, plan.real):
            odd = comparison.kink.any() or (comparison.outside().any() and not comparison.is_plain())
            if comparison.probe.by_value and (comparison.real is None or odd):
                continue  # a tie with another array: no smooth direction, and of an interval no evidence
            for leaf, size in enumerate(self.sizes):
                if size and comparison.probe.leaf in (leaf, None):
                    comparisons[leaf].append(comparison)

    def _locate(self, comparisons: list[list[Comparison]]) -> None:
        """Where only a direction shows that an array is wrong, find the entries: of the first arrays that are."""
        self.explained = [leaf for leaf, cs in enumerate(comparisons) if any(c.outside().any() for c in cs)][:EXPLAINED]
        for leaf, found in enumerate(comparisons):
            if leaf not in self.explained:
                continue
            wrong = [c for c in found if c.probe.leaf == leaf and c.outside().any()]
            if wrong and not any(c.probe.coordinate is not None for c in wrong):
                seed = int(self.rng.integers(2**32))
                entries, complete = locate(self.at_near, leaf, self.sizes[leaf], self.believed[leaf], seed)
                found += entries
                if not any(c.outside().any() for c in entries):
                    self._doubt(wrong)
                elif not complete:
                    name = self.problem.leaves[leaf].name
                    message = f"{name}: many entries are wrong, of which a sample was located"
                    self.findings.append(Finding("dense", message, "note", name))

    def _doubt(self, wrong: list[Comparison]) -> None:
        """Hold nothing against a claim that only the array as a whole contradicts, unless the complex step confirms it."""
        for c in wrong:
            if not c.is_plain() and c.real is not None:
                c.real = dataclasses.replace(c.real, bar=np.full_like(c.real.bar, np.inf))
                c.doubt = "differences along the whole array contradict the claim, in its parts they do not"

    def _conclude(self, comparisons: list[list[Comparison]]) -> list[Gradient]:
        values = [np.abs(c.real.value).max() for cs in comparisons for c in cs if c.real is not None]
        largest = float(np.nan_to_num(values).max(initial=0))
        gradients = []
        for i, (leaf, found, believed) in enumerate(zip(self.problem.leaves, comparisons, self.believed, strict=True)):
            gradient = conclude(leaf.name, leaf.value.shape, found, believed, largest, max(self.u, self.options.noise))
            gradient.ladder = convergence(gradient, found, believed)
            if gradient.jumps:
                message = f"{gradient.name}: the forward pass jumps or moves in steps there, of which nothing is held against the claim"
                self.findings.append(Finding("jump", message, "note", leaf.name))
            if self.exact and not believed:
                message = f"complex step not believed for {leaf.name}: real differences contradict it"
                self.findings.append(Finding("complex", message, "note", leaf.name))
            if gradient.verdict == "fail":
                self._explain(gradient)
            if i in self.explained:
                complete = not any(f.kind == "dense" and f.array == leaf.name for f in self.findings)
                gradient.map = error_map(gradient, i, found, self.at_near, believed, complete, self.seed)
            elif gradient.verdict == "inconclusive":
                message = f"{gradient.name}: {gradient.reason}"
                self.findings.append(Finding("resolution", message, "inconclusive", gradient.name))
            gradients.append(gradient)
        if not any(self.sizes):
            message = "nothing was compared: no array has an entry"
            self.findings.append(Finding("vacuous", message, "inconclusive"))
        elif all(g.digits is None and g.verdict != "fail" for g in gradients) and self.near.y.size:
            message = "every gradient is below the noise: nothing was checked (saturated or constant here?)"
            self.findings.append(Finding("vacuous", message, "inconclusive"))
        return gradients

    def _explain(self, gradient: Gradient) -> None:
        at = "" if gradient.worst_index is None else "[" + ", ".join(map(str, gradient.worst_index)) + "]"
        message = f"{gradient.name}{at}: the pullback contradicts real differences"
        if gradient.numeric is not None:
            message = (
                f"{gradient.name}{at}: the pullback gives {gradient.claimed:.12g}, "
                f"differences give {gradient.numeric:.12g} +- {gradient.bar:.1e}"
            )
        self.findings.append(Finding("gradient", message, "fail", gradient.name))

    def _unexamined(self, name: str, shape: tuple[int, ...]) -> Gradient:
        guilty = any(f.array == name and f.severity == "fail" for f in self.findings)
        return Gradient(name, shape, "fail" if guilty else "inconclusive", reason="not compared")

    def _report(self, gradients: list[Gradient]) -> Report:
        explain(self, gradients)
        severities = {f.severity for f in self.findings} | {g.verdict for g in gradients}
        verdict = next((v for v in ("fail", "inconclusive") if v in severities), "pass")
        reproducer = script(self.problem, gradients, self.findings, self.seed) if verdict == "fail" else ""
        return Report(self.problem.name, verdict, gradients, self.findings, self.problem.count, self.seed, reproducer)


def _finite(analytic: Analytic) -> bool:
    return all(np.isfinite(value).all() for value in analytic.values)


def _doubted(c: Comparison) -> bool:
    return bool(c.outside().any() or c.exact_outside().any() or c.exact_contradicts_real().any())
