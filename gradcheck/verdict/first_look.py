"""The first look along every probe: tasks, claims, and what the readings say."""

from typing import Any

import numpy as np

from gradcheck.claims.claim import Analytic, without_jumps
from gradcheck.numeric.extrapolate import LAST, estimates, where_still
from gradcheck.numeric.ladder import STEPS, TINY, WINDOW, Sweep, rounded
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place, Reading, Task, read_all
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.plan import LARGE

LEAN = [1, 2, 3, 4, 5, 6, 9]  # of the first levels, those of a large problem
COARSEST = 2.0**-9  # noise above which it is that of no number format: a staircase
SCATTER = 2  # that a standard deviation from few differences may be too small by
NARROW = 2.0**-24  # noise up to which it may be that of a format inside; what is more is of the subject's making
NOISE_PROBES = 3  # directions along which the noise of f is measured
EXACT_NOISE_PROBES = {True: 1, False: 4}  # an array; directions, single entries


class FirstLook:
    """Measures at one place; `exact` says whether the complex step may be tried."""

    def __init__(
        self,
        problem: Problem,
        place: Place,
        analytic: Analytic,
        mapper: Any,
        exact: bool,
        rng: np.random.Generator,
        level: float | None = None,
        noise: float = 0.0,
        rounding: float = 0.0,
    ):
        self.problem, self.place, self.analytic, self.mapper = problem, place, analytic, mapper
        self.exact, self.rng = exact, rng
        self.lean = sum(x.size for x in place.point) > LARGE  # measures noise only where something is doubtful
        self.measures_noise = level is None  # at a kink or a tie the difference table shows no noise but the kink
        self.noise, self.rounding = noise, rounding  # declared, as a part; what roundings make of y
        self.level = level or 0.0  # noise of f in units of its rounding, the largest that was measured
        self.exact_noise: dict[tuple[int | None, bool], np.ndarray] = {}  # of the complex step, by array and kind

    def _first_tasks(self, probes: list[Probe], real: list[bool]) -> list[Task]:
        ladders = np.flatnonzero(real)
        chosen = np.linspace(0, len(ladders) - 1, NOISE_PROBES if ladders.size else 0).astype(int)
        joint = self.lean and any(probe.leaf is None for probe in probes)
        with_noise = set(ladders[chosen] if self.measures_noise and not (self.level or self.lean) else ())
        jitters: dict[tuple[int | None, bool], int] = {}
        tasks = []
        for i, probe in enumerate(probes):
            kind = (probe.leaf, probe.coordinate is None)
            jitters[kind] = jitters.get(kind, 0) + 1
            wanted = kind not in self.exact_noise and jitters[kind] <= EXACT_NOISE_PROBES[kind[1]]
            noisy = self.exact and wanted and joint in (False, probe.leaf is None)
            seed = int(self.rng.integers(2**32))
            window = STEPS[list(WINDOW)][LEAN if self.lean else slice(None)]
            tasks.append(Task(probe, window if real[i] else None, self.exact, seed if noisy else None, i in with_noise))
        return tasks

    def _claimed(self, probe: Probe) -> Comparison:
        direction = probe.direction(self.place.point)
        if probe.coordinate is not None:
            assert probe.leaf is not None
            unit = float(direction[probe.leaf].flat[probe.coordinate])
            return Comparison(probe, unit, *self.analytic.entry(probe.leaf, probe.coordinate, unit))
        lengths = [root_sum_square(d) / np.sqrt(np.count_nonzero(d)) for d in direction.values() if d.any()]
        return Comparison(probe, max(lengths, default=1.0), *self.analytic.along(direction))

    def _set_exact(self, comparisons: list[Comparison], readings: list[Reading]) -> None:
        if not self.exact:
            return
        u = 2.0**-53
        pairs = [(c, r.exact) for c, r in zip(comparisons, readings, strict=True) if r.exact is not None]
        sizes = dict.fromkeys((c.probe.leaf for c, _ in pairs), 0.0)
        for c, exact in pairs:
            sizes[c.probe.leaf] = max(sizes[c.probe.leaf], float(np.abs(exact.value).max()))
        for c, exact in pairs:
            if exact.noise is not None:
                kind = (c.probe.leaf, c.probe.coordinate is None)
                noise = without_jumps(exact.noise, sizes[c.probe.leaf], max(sizes.values()), u)
                self.exact_noise[kind] = np.maximum(self.exact_noise.get(kind, 0.0), noise)
        for c, exact in pairs:
            kind = (c.probe.leaf, c.probe.coordinate is None)
            noise = self.exact_noise[kind if kind in self.exact_noise else (None, True)]
            c.exact, c.exact_bar = exact.value, (16 * u + 4 * self.noise) * exact.size + 4 * noise

    def _set_real(self, comparisons: list[Comparison], where: list[int], readings: list[Reading]) -> None:
        pairs = [(i, r.sweep) for i, r in zip(where, readings, strict=True) if r.sweep is not None]
        levels = [self.level if r.noise is None else max(self.level, float(r.noise.max())) for r in readings if r.sweep]
        lost = [self.analytic.lost(self.place.point, comparisons[i].probe, s.steps) for i, s in pairs]
        bounds = [self.noise_of(s, n) + more for (_, s), n, more in zip(pairs, levels, lost, strict=True)]
        found = estimates([sweep for _, sweep in pairs], bounds, self.analytic.u)
        for (i, sweep), bound, real in zip(pairs, bounds, found, strict=True):
            inside = max(1.0, self.rounding / self.analytic.u)  # the size of terms that may cancel
            hidden = 4 * self.analytic.u * rounded(self.place.g, np.maximum(np.abs(self.place.y), inside))
            real = where_still(real, comparisons[i].claimed, bound, hidden / sweep.steps.max(axis=0, initial=TINY))
            comparisons[i].real, comparisons[i].sweep, comparisons[i].bounds = real, sweep, bound

    @property
    def coarseness(self) -> float:
        """The roundoff of the subject: of its format, as measured inside, or as declared."""
        return max(self.analytic.u, min(self.level, NARROW), self.noise)

    def noise_of(self, sweep: Sweep, level: float) -> np.ndarray:
        """Return a bound (L, G) for the error of one value of <g, f>: its rounding, or as measured, or declared."""
        still = not (sweep.right[-LAST:].any() or sweep.left[-LAST:].any())
        if still and level > COARSEST:
            level = 0.0  # the steps of a staircase, on one of which f is constant
        measured = 4 * max(self.analytic.u, SCATTER * level, self.noise) * sweep.weight
        return np.maximum(measured, 4 * self.analytic.u * sweep.coarse)

    def _ladder(self, comparisons: list[Comparison], where: list[int], steps: np.ndarray, noise: bool = False) -> None:
        tasks = [Task(comparisons[i].probe, steps, noise=noise and not self._kinked(comparisons[i])) for i in where]
        self._set_real(comparisons, where, read_all(self.mapper, self.problem, self.place, tasks))

    def _kinked(self, c: Comparison) -> bool:
        """Whether a difference table might take a kink for noise."""
        return not self.measures_noise and bool(c.kink.any())
