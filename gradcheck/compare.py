"""Claimed against numeric, probe by probe: measure, sharpen what is doubtful, confirm what fails."""

import dataclasses
from typing import Any

import numpy as np

from gradcheck.analytic import Analytic
from gradcheck.extrapolate import Estimate, estimates
from gradcheck.ladder import SECOND_STEPS, STEPS, WINDOW
from gradcheck.measure import Place, Reading, Task, read_all
from gradcheck.points import Probe
from gradcheck.problem import Problem

WIDE = 1e-7  # a bar above this part of the array's derivatives is worth a full ladder
NOISE_PROBES = 3  # directions along which the noise of f is measured
CONFIRMED = 6  # failures an array, after which further ones need no ladder of their own
EXACT_NOISE_PROBES = {True: 1, False: 4}  # an array; directions, single entries


@dataclasses.dataclass
class Comparison:
    """One probe at one place, for every cotangent (G,)."""

    probe: Probe
    unit: float  # what an entry of the gradient is multiplied with in these numbers
    claimed: np.ndarray
    claimed_bar: np.ndarray
    real: Estimate | None = None
    exact: np.ndarray | None = None
    exact_bar: np.ndarray | None = None

    @property
    def real_tolerance(self) -> np.ndarray:
        return self.claimed_bar + (np.inf if self.real is None else self.real.bar)

    def outside(self) -> np.ndarray:
        """Whether real differences contradict the claim: it lies outside the bar, or is not a number."""
        if self.real is None:
            return np.isnan(self.claimed)
        low, high = self.real.low - self.real_tolerance, self.real.high + self.real_tolerance
        with np.errstate(invalid="ignore"):
            inside = (low <= self.claimed) & (self.claimed <= high)
        return (self.real.resolved & ~inside) | np.isnan(self.claimed)

    def exact_outside(self) -> np.ndarray:
        """Whether the complex step contradicts the claim (never at a kink, where it sees one side)."""
        if self.exact is None or self.exact_bar is None:
            return np.zeros(len(self.claimed), bool)
        kink = self.real.kink if self.real is not None else False
        return (np.abs(self.claimed - self.exact) > self.exact_bar + self.claimed_bar) & ~kink

    def exact_contradicts_real(self) -> np.ndarray:
        if self.exact is None or self.exact_bar is None or self.real is None:
            return np.zeros(len(self.claimed), bool)
        bar = self.exact_bar + self.real.bar
        low, high = self.real.low - bar, self.real.high + bar
        return self.real.resolved & ~((low <= self.exact) & (self.exact <= high))


class Comparer:
    """Compares at one place; `exact` says whether the complex step may be tried."""

    def __init__(
        self, problem: Problem, place: Place, analytic: Analytic, mapper: Any, exact: bool, rng: np.random.Generator
    ):
        self.problem, self.place, self.analytic, self.mapper = problem, place, analytic, mapper
        self.exact, self.rng = exact, rng
        self.level = np.zeros(len(place.g))  # noise of f, the largest that was measured here
        self.exact_noise: dict[tuple[int | None, bool], np.ndarray] = {}  # of the complex step, by array and kind

    def compare(self, probes: list[Probe], real: list[bool], sharpen: bool = True) -> list[Comparison]:
        """Compare along every probe; with the ladder of real differences where `real` says so.

        `sharpen` takes a longer look at whatever is doubtful, and confirms what fails.
        """
        readings = read_all(self.mapper, self.problem, self.place, self._first_tasks(probes, real))
        for reading in readings:
            if reading.noise is not None:
                self.level = np.maximum(self.level, reading.noise)
        comparisons = [self._claimed(probe) for probe in probes]
        self._set_exact(comparisons, readings)
        self._set_real(comparisons, list(range(len(probes))), readings)
        if sharpen:
            self._sharpen(comparisons)
        return comparisons

    def _first_tasks(self, probes: list[Probe], real: list[bool]) -> list[Task]:
        ladders = np.flatnonzero(real)
        with_noise = set(ladders[np.linspace(0, len(ladders) - 1, NOISE_PROBES).astype(int)]) if ladders.size else set()
        jitters: dict[tuple[int | None, bool], int] = {}
        tasks = []
        for i, probe in enumerate(probes):
            kind = (probe.leaf, probe.coordinate is None)
            jitters[kind] = jitters.get(kind, 0) + 1
            noisy = self.exact and kind not in self.exact_noise and jitters[kind] <= EXACT_NOISE_PROBES[kind[1]]
            seed = int(self.rng.integers(2**32))
            window = STEPS[WINDOW.start : WINDOW.stop] if real[i] else None
            tasks.append(Task(probe, window, self.exact, seed if noisy else None, i in with_noise and not self.level.any()))
        return tasks

    def _claimed(self, probe: Probe) -> Comparison:
        direction = probe.direction(self.place.point)
        if probe.coordinate is not None:
            assert probe.leaf is not None
            unit = float(direction[probe.leaf].flat[probe.coordinate])
            return Comparison(probe, unit, *self.analytic.entry(probe.leaf, probe.coordinate, unit))
        lengths = [float(np.sqrt(np.mean(np.square(d[d != 0])))) for d in direction.values() if d.any()]
        return Comparison(probe, max(lengths, default=1.0), *self.analytic.along(direction))

    def _set_exact(self, comparisons: list[Comparison], readings: list[Reading]) -> None:
        if not self.exact:
            return
        u = 2.0**-53
        for reading in readings:
            if reading.exact_noise is not None:
                kind = (reading.probe.leaf, reading.probe.coordinate is None)
                self.exact_noise[kind] = np.maximum(self.exact_noise.get(kind, 0.0), reading.exact_noise)
        for comparison, reading in zip(comparisons, readings, strict=True):
            noise = self.exact_noise[reading.probe.leaf, reading.probe.coordinate is None]
            comparison.exact = reading.exact
            comparison.exact_bar = 16 * u * reading.exact_size + 4 * noise

    def _set_real(self, comparisons: list[Comparison], where: list[int], readings: list[Reading]) -> None:
        pairs = [(i, r.sweep) for i, r in zip(where, readings, strict=True) if r.sweep is not None]
        sweeps = [sweep for _, sweep in pairs]
        found = estimates(sweeps, [self.noise_of(sweep.weight) for sweep in sweeps])
        for (i, _), real in zip(pairs, found, strict=True):
            comparisons[i].real = real

    def noise_of(self, weight: np.ndarray) -> np.ndarray:
        """Return a bound for the error of one value of <g, f>: rounding of its size, or as measured."""
        return np.maximum(4 * self.analytic.u * weight, 4 * self.level)

    def _sharpen(self, comparisons: list[Comparison]) -> None:
        doubtful = self._limited(comparisons, self._doubtful(comparisons))
        self._ladder(comparisons, doubtful, STEPS)
        self._retry(comparisons, doubtful, own_scale=False)
        self._retry(comparisons, doubtful, own_scale=True)
        failing = [i for i in doubtful if comparisons[i].outside().any()]
        before = {i: comparisons[i].real for i in failing}
        self._ladder(comparisons, failing, SECOND_STEPS)
        for i in failing:
            if not _resolved(comparisons[i]):
                comparisons[i].real = before[i]

    def _doubtful(self, comparisons: list[Comparison]) -> list[int]:
        size: dict[int | None, float] = {}
        for c in comparisons:
            if c.real is not None:
                top = float(np.nanmax(np.abs(np.append(c.real.value, c.claimed)), initial=0))
                size[c.probe.leaf] = max(size.get(c.probe.leaf, 0.0), top)
        floor = max(size.values(), default=0.0) / 1000  # below it the noise decides, which no ladder mends
        return [
            i
            for i, c in enumerate(comparisons)
            if c.exact_outside().any()
            or c.real is not None
            and (
                not _resolved(c)
                or (c.real.bar > WIDE * max(size[c.probe.leaf], floor)).any()
                or c.real.kink.any()
                or c.outside().any()
                or c.exact_contradicts_real().any()
            )
        ]

    def _limited(self, comparisons: list[Comparison], doubtful: list[int]) -> list[int]:
        """Leave out, of an array with many plain failures, all but the first few."""
        failures: dict[int | None, int] = {}
        kept = []
        for i in doubtful:
            c = comparisons[i]
            if c.outside().any() and _resolved(c):
                failures[c.probe.leaf] = failures.get(c.probe.leaf, 0) + 1
                if failures[c.probe.leaf] > CONFIRMED:
                    continue
            kept.append(i)
        return kept

    def _ladder(self, comparisons: list[Comparison], where: list[int], steps: np.ndarray) -> None:
        tasks = [Task(comparisons[i].probe, steps) for i in where]
        self._set_real(comparisons, where, read_all(self.mapper, self.problem, self.place, tasks))

    def _retry(self, comparisons: list[Comparison], where: list[int], own_scale: bool) -> None:
        """Try what is still unresolved on the second ladder, and with steps of the entry's own size."""
        for i in where:
            old = comparisons[i]
            if old.real is None or _resolved(old) or (own_scale and old.probe.coordinate is None):
                continue
            new = self._claimed(dataclasses.replace(old.probe, own_scale=own_scale))
            self._ladder([new], [0], SECOND_STEPS)
            if _resolved(new):
                if old.exact is not None and old.exact_bar is not None:
                    ratio = new.unit / old.unit
                    new.exact, new.exact_bar = old.exact * ratio, old.exact_bar * ratio
                comparisons[i] = new


def _resolved(comparison: Comparison) -> bool:
    return comparison.real is not None and bool(comparison.real.resolved.all())
