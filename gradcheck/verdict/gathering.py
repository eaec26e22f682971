"""The comparisons that a verdict rests on: where they are made, along what, and which entries they lead to."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np

from gradcheck.claims.claim import analytic
from gradcheck.contract.examine import Contract
from gradcheck.diagnosis import EXPLAINED
from gradcheck.numeric import complexstep
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import quantise
from gradcheck.precision.formats import unit_roundoff
from gradcheck.precision.segments import follow
from gradcheck.subjects.declared import Options
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem
from gradcheck.verdict import plan, saturation, ties
from gradcheck.verdict.compare import Comparer
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.conclude import need
from gradcheck.verdict.given import compare_at_given, settled
from gradcheck.verdict.locate import locate
from gradcheck.verdict.places import own_point, places

BESIDE = 2.0**-50  # a few roundings
SPECIAL = 2.0**-20  # of the largest claim: what claims may change with an input's last bits


class Gathering:
    def __init__(self, problem: Problem, seed: int, mapper: Callable, options: Options):
        self.problem, self.seed, self.mapper, self.options = problem, seed, mapper, options
        self.rng = np.random.default_rng(seed)
        self.findings: list[Finding] = []
        self.sizes = [leaf.value.size for leaf in problem.leaves]
        self.large = sum(self.sizes) > plan.LARGE

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
        self._compare_unmoved(comparisons)
        self.believed = [self.exact and not any(c.exact_contradicts_real().any() for c in cs) for cs in comparisons]
        self._locate(comparisons)
        return comparisons

    def _compare_given(self, comparisons: list[list[Comparison]]) -> None:
        """Compare at the user's own point: every entry, or dense directions and the entries that these lead to."""
        at_own = self._comparer(self._fresh_own(), self.at_near.level)
        if self._is_special(at_own):
            self.own = dataclasses.replace(self.own, point=self._unrounded())
            at_own = self._comparer(self._fresh_own(), self.at_near.level)
        wrong = {leaf for leaf, found in enumerate(comparisons) if any(c.outside().any() for c in found)}
        compare = partial(self._measured, at_own)
        exact = self.exact and not any(c.exact_contradicts_real().any() for found in comparisons for c in found)
        whole = plan.given(self.sizes, exact, self.rng, wrong)  # what is wrong near by is wrong
        self._file(comparisons, at_own, plan.special(self.own.point, self.rng))
        first = compare(whole.probes, whole.real)
        if not all(map(settled, first)) and not all(whole.real):
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
                message = f"{name} has many kinks at the given point: of their entries a sample was compared"
                self.findings.append(Finding("kinks", message, "note", name))

    def _unrounded(self) -> list[np.ndarray]:
        """Return the own point with all its bits, but for parameters that were moved."""
        moved = {f.array for f in self.findings if f.kind == "moved"}
        pairs = zip(self.problem.leaves, self.own.point, strict=True)
        return [x if leaf.name in moved else leaf.value.astype(np.float64) for leaf, x in pairs]

    def _is_special(self, at_own: Comparer) -> bool:
        """Whether the claims at the very numbers that were given are not those at the same numbers of few bits.

        A comparison with a constant may hold for the ones and not for the others, or the domain may end there.  Where
        the claims change with every rounding, the numbers that were given are no special ones.
        """
        few, given, g = [value[:1] for value in at_own.analytic.values], self._unrounded(), self.own.g[:1]
        with np.errstate(all="ignore"):
            claims = self.problem.gradients(given, g)
            if not all(np.isfinite(x).all() for x in few):
                return all(np.isfinite(x).all() for x in claims)
            if _alike(claims, few):
                return False
            beside = [[x * (1 + BESIDE * self.rng.choice([-1, 1], x.shape)) for x in given] for _ in range(2)]
            return all(_alike(self.problem.gradients(point, g), few) for point in beside)

    def _compare_unmoved(self, comparisons: list[list[Comparison]]) -> None:
        """Look for contradictions where parameters of ones and zeros are what they were, too."""
        if not any(f.kind == "moved" for f in self.findings):
            return
        point = [quantise(leaf.value) for leaf in self.problem.leaves]
        place = Place(point, self.problem.forward(point).astype(np.float64), self.own.g)
        there = self._comparer(place, self.at_near.level)
        wrong = {leaf for leaf, found in enumerate(comparisons) if any(c.outside().any() for c in found)}
        whole = plan.apart(self.sizes, self.rng, wrong)
        compare = partial(self._measured, there)
        for c in compare(whole.probes, whole.real):
            assert c.probe.leaf is not None
            found, _ = compare_at_given(there, compare, c.probe.leaf, [c], self.rng)
            comparisons[c.probe.leaf] += [other for other in found if other.outside().any()]

    def _fresh_own(self) -> Place:
        """Return the own place with its output, which a large problem leaves out until it is needed."""
        return Place(self.own.point, self.problem.forward(self.own.point).astype(np.float64), self.own.g)

    def _comparer(self, place: Place, level: float | None = None) -> Comparer:
        gradient = analytic(self.problem, place.point, place.g, self.rng, self.u, 1 if self.large else 3, self.options)
        noise = self.options.noise, self.noise
        return Comparer(self.problem, place, gradient, self.mapper, self.exact, self.rng, level, *noise)

    def _measured(self, comparer: Comparer, probes: list[Probe], real: list[bool]) -> list[Comparison]:
        found = comparer.compare(probes, real)
        follow(found, comparer, need(self.at_near.coarseness))
        if comparer is not self.at_near:
            ties.allow(found, comparer)
        saturation.allow(found, comparer, self.noise)
        return found

    def _file(self, comparisons: list[list[Comparison]], comparer: Comparer, plan: plan.Plan) -> None:
        for comparison in self._measured(comparer, plan.probes, plan.real):
            odd = (comparison.kink | (comparison.outside() & comparison.exact_contradicts_real())).any()
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
        """Acquit a claim that only the array as a whole contradicts, unless the complex step confirms that."""
        for c in wrong:
            if not c.is_plain() and c.real is not None:
                c.real = dataclasses.replace(c.real, bar=np.full_like(c.real.bar, np.inf))
                c.doubt = "differences along the whole array contradict the claim, in its parts they do not"


def _alike(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    largest = max((float(np.abs(x).max(initial=0)) for x in a), default=0.0)
    return all(bool((np.abs(x - z) <= SPECIAL * largest).all()) for x, z in zip(a, b, strict=True))


def _doubted(c: Comparison) -> bool:
    return bool(c.outside().any() or c.exact_outside().any() or c.exact_contradicts_real().any())
