"""Claimed against numeric, probe by probe: measure, sharpen what is doubtful, confirm what fails."""

import dataclasses

import numpy as np

from gradcheck.claims.claim import without_jumps
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.grain import grain
from gradcheck.numeric.ladder import SECOND_STEPS, SECOND_WINDOW, STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Task, read_all
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.doubt import doubtful, limited
from gradcheck.verdict.first_look import FirstLook


class Comparer(FirstLook):
    """Compares at one place: what is doubtful gets a longer look, and what fails is confirmed."""

    def compare(self, probes: list[Probe], real: list[bool], sharpen: bool = True) -> list[Comparison]:
        """Compare along every probe; with the ladder of real differences where `real` says so.

        `sharpen` takes a longer look at whatever is doubtful, and confirms what fails.
        """
        readings = read_all(self.mapper, self.problem, self.place, self._first_tasks(probes, real))
        for reading in readings:
            if reading.noise is not None:
                self.level = max(self.level, float(reading.noise.max()))
        comparisons = [self._claimed(probe) for probe in probes]
        self._set_real(comparisons, list(range(len(probes))), readings)
        self._set_exact(comparisons, readings)
        if sharpen:
            self._sharpen(comparisons)
        return comparisons

    def _sharpen(self, comparisons: list[Comparison]) -> None:
        doubts = doubtful(comparisons)
        first = limited(comparisons, doubts)
        failing = self._failing(comparisons, first)
        plain = [i for i in failing if comparisons[i].is_plain()]
        self._ladder(comparisons, plain, SECOND_STEPS[list(SECOND_WINDOW)])
        sure = {i for i in plain if comparisons[i].is_plain()}
        wrong = {comparisons[i].probe.leaf for i in sure}
        seen = [i for i in first if comparisons[i].real is None and comparisons[i].probe.leaf in wrong]
        self._confirm(comparisons, [i for i in first if i not in sure and i not in seen])
        acquitted = {comparisons[i].probe.leaf for i in failing if not comparisons[i].outside().any()}
        self._confirm(comparisons, [i for i in doubts if i not in first and comparisons[i].probe.leaf in acquitted])
        self._widen([c for c in comparisons if c.exact_outside().any() and not c.outside().any()])

    def _failing(self, comparisons: list[Comparison], among: list[int]) -> list[int]:
        """Return which fail, once it is known whether outputs are coarser than their size."""
        failing = [i for i in among if comparisons[i].outside().any()]
        if failing and self.place.grain is None:
            coarse = grain(self.problem, self.place.point, self.place.y, self.analytic.u, self.rng)
            self.place = dataclasses.replace(self.place, grain=coarse)
            if coarse.any():
                self._ladder(comparisons, failing, STEPS)
                failing = [i for i in failing if comparisons[i].outside().any()]
        return failing

    def _confirm(self, comparisons: list[Comparison], doubtful: list[int]) -> None:
        self._ladder(comparisons, doubtful, STEPS)
        self._retry(comparisons, doubtful, own_scale=False)
        self._retry(comparisons, doubtful, own_scale=True)
        failing = self._failing(comparisons, doubtful)
        before = {i: comparisons[i].real for i in failing}
        self._ladder(comparisons, failing, SECOND_STEPS, noise=True)
        for i in failing:
            if not comparisons[i].resolved:
                comparisons[i].real = before[i]
            self._read_finely(comparisons[i])

    def _read_finely(self, c: Comparison) -> None:
        """Acquit a claim that steps below a measured noise confirm to rounding: that noise was a fine shape of f."""
        if c.sweep is not None and c.outside().any():
            fine = estimate(c.sweep, 4 * self.analytic.u * c.sweep.weight, self.analytic.u)
            if not dataclasses.replace(c, real=fine).outside().any() and fine.resolved.all():
                c.real = fine

    def _widen(self, comparisons: list[Comparison]) -> None:
        """Measure the complex step's noise along the very probes where it alone contradicts the claim."""
        tasks = [Task(c.probe, exact=True, jitter=int(self.rng.integers(2**32))) for c in comparisons]
        for c, reading in zip(comparisons, read_all(self.mapper, self.problem, self.place, tasks), strict=True):
            if reading.exact is not None and reading.exact.noise is not None and c.exact_bar is not None:
                size = float(np.abs(reading.exact.value).max())
                c.exact_bar = c.exact_bar + 8 * without_jumps(reading.exact.noise, size, size, 2.0**-53)

    def _retry(self, comparisons: list[Comparison], where: list[int], own_scale: bool) -> None:
        """Try what is still unresolved on the second ladder, or with steps of the entry's own size.

        An entry far smaller than its array may have a domain or a kink as close as itself.
        """
        for i in where:
            old = comparisons[i]
            settled = old.resolved and not (own_scale and (old.outside().any() or old.kink.any()))
            if old.real is None or settled or (own_scale and old.probe.coordinate is None):
                continue
            new = self._claimed(dataclasses.replace(old.probe, own_scale=own_scale))
            if own_scale and new.unit == old.unit:
                continue
            self._ladder([new], [0], STEPS if own_scale else SECOND_STEPS)
            still = new.real is not None and new.real.still.any()
            lost = own_scale and still and new.outside().any() and not old.still_everywhere()  # in a rounding
            if new.resolved and not lost:
                if old.exact is not None and old.exact_bar is not None:
                    ratio = new.unit / old.unit
                    new.exact, new.exact_bar = old.exact * ratio, old.exact_bar * ratio
                comparisons[i] = new
