"""Claimed against numeric, probe by probe: measure, sharpen what is doubtful, confirm what fails."""

import dataclasses

import numpy as np

from gradcheck.claims.claim import without_jumps
from gradcheck.numeric.constants import JITTERS
from gradcheck.numeric.ladder import SECOND_STEPS, STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Task, read_all
from gradcheck.precision.formats import LOW, need
from gradcheck.verdict.coarse import (
    is_within_what_is_lost,
    may_be_grain_alone,
    seeking_grain,
    seeking_hidden_grain,
    seeking_what_is_lost,
)
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.doubt import doubtful, limited
from gradcheck.verdict.first_look import claimed, first_tasks, with_exact, with_exact_noise, with_noise, with_real
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.reread import read_finely, with_noise_of
from gradcheck.verdict.resting import contradicting_rest

Compared = tuple[list[Comparison], Known]


def compare(ground: Ground, known: Known, probes: list[Probe], real: list[bool], rng: np.random.Generator) -> Compared:
    """Compare along every probe, with the ladder of real differences where `real` says so.

    What is doubtful gets a longer look, and what fails is confirmed.
    """
    comparisons, known = glance(ground, known, probes, real, rng)
    comparisons, known = with_noise(ground, known, comparisons)
    comparisons, known = _with_hidden_grain(ground, known, comparisons, rng)
    comparisons, known = _sharpened(ground, known, comparisons, rng)
    return contradicting_rest(ground, comparisons), known


def glance(ground: Ground, known: Known, probes: list[Probe], real: list[bool], rng: np.random.Generator) -> Compared:
    """Compare along every probe, and leave it at the first look."""
    readings = read_all(ground.mapper, ground.problem, ground.place, first_tasks(ground, known, probes, real, rng))
    for probe, reading in zip(probes, readings, strict=True):
        known = known.with_noise(probe.leaf, reading.noise)
    comparisons = [claimed(ground, probe) for probe in probes]
    comparisons = with_real(ground, known, comparisons, list(range(len(probes))), readings)
    seen, found = with_exact(ground, known, comparisons, readings)
    again = with_exact_noise(ground, known, seen, readings, rng)
    return (seen, found) if again is readings else with_exact(ground, known, comparisons, again)


def _with_hidden_grain(
    ground: Ground, known: Known, comparisons: list[Comparison], rng: np.random.Generator
) -> Compared:
    """Look for roundings of numbers that cancel where small steps show what wide ones do not, right or wrong."""
    where = [i for i, c in enumerate(comparisons) if may_be_grain_alone(ground, c)]
    known = seeking_hidden_grain(ground, known, rng) if where else known
    if not where or known.grain is None or not known.grain.any():
        return comparisons, known
    return laddered(ground, known, comparisons, where, STEPS), known


def _sharpened(ground: Ground, known: Known, comparisons: list[Comparison], rng: np.random.Generator) -> Compared:
    doubts = doubtful(comparisons)
    first = limited(comparisons, doubts)
    sure = {i for i in first if comparisons[i].is_plain()}
    wrong = {comparisons[i].probe.leaf for i in sure}
    failing = [i for i in first if i not in sure and comparisons[i].outside().any()]
    # what all arrays together show has ladders for each that is odd next
    seen = [i for i in first if comparisons[i].real is None and wrong & {comparisons[i].probe.leaf, None}]
    rest = [i for i in first if i not in sure and i not in seen]
    comparisons, known = _confirmed(ground, known, comparisons, rest, rng)
    acquitted = {comparisons[i].probe.leaf for i in failing if not comparisons[i].outside().any()}
    rest = [i for i in doubts if i not in first and comparisons[i].probe.leaf in acquitted]
    comparisons, known = _confirmed(ground, known, comparisons, rest, rng)
    alone = [i for i, c in enumerate(comparisons) if c.exact_outside().any() and not c.outside().any()]
    return widened(ground, comparisons, alone, rng), known


def laddered(
    ground: Ground,
    known: Known,
    comparisons: list[Comparison],
    where: list[int],
    steps: np.ndarray,
    noise: bool = False,
) -> list[Comparison]:
    """Return the comparisons with another ladder at `where`; with `noise` f's noise is measured along it as well."""
    tasks = []
    for c in (comparisons[i] for i in where):
        kinked = not ground.measures_noise and c.kink.any()  # a difference table might take it for noise
        tasks.append(Task(c.probe, steps, noise=noise and not kinked, coarser=c.departs_from_afar()))
    place = dataclasses.replace(ground.place, grain=known.grain)
    return with_real(ground, known, comparisons, where, read_all(ground.mapper, ground.problem, place, tasks))


def _failing(
    ground: Ground, known: Known, comparisons: list[Comparison], among: list[int], rng: np.random.Generator
) -> tuple[list[Comparison], Known, list[int]]:
    """Return which fail, once it is known whether outputs are coarser than their size."""
    failing = [i for i in among if comparisons[i].outside().any()]
    before = known.grain
    known = seeking_grain(ground, known, [comparisons[i] for i in failing], rng)
    if known.grain is not before and known.grain is not None and known.grain.any():
        comparisons, failing = _still_failing(ground, known, comparisons, failing, failing)
    if failing and known.seeks_lost:
        known = seeking_what_is_lost(ground, known)
        within = [i for i in failing if is_within_what_is_lost(ground, known, comparisons[i])]
        comparisons, failing = _still_failing(ground, known, comparisons, within, failing)
    return comparisons, known, failing


def _still_failing(
    ground: Ground, known: Known, comparisons: list[Comparison], where: list[int], failing: list[int]
) -> tuple[list[Comparison], list[int]]:
    """Return the comparisons, those at `where` with a grain that is new, and which of them fail."""
    comparisons = laddered(ground, known, comparisons, where, STEPS)
    return comparisons, [i for i in failing if comparisons[i].outside().any()]


def _confirmed(
    ground: Ground, known: Known, comparisons: list[Comparison], doubts: list[int], rng: np.random.Generator
) -> Compared:
    comparisons = laddered(ground, known, comparisons, doubts, STEPS)
    comparisons = _retried(ground, known, comparisons, doubts, own_scale=False)
    comparisons = _retried(ground, known, comparisons, doubts, own_scale=True)
    comparisons = _with_own_noise(ground, known, comparisons, doubts)
    comparisons, known, failing = _failing(ground, known, comparisons, doubts, rng)
    again = laddered(ground, known, comparisons, failing, SECOND_STEPS, noise=True)
    for i in failing:
        if not again[i].resolved:
            again[i] = with_noise_of(again[i], comparisons[i], ground.claim.u)
        again[i] = read_finely(again[i], ground.claim.u)
    return again, known


def _with_own_noise(ground: Ground, known: Known, comparisons: list[Comparison], where: list[int]) -> list[Comparison]:
    """Measure the noise of a coarse subject along the probes that it leaves open: it may be more than on the whole.

    Where noise is taken for too small, what the largest steps show is contradicted by the small ones.
    """
    if known.largest <= LOW:
        return comparisons
    wide = [i for i in where if not (comparisons[i].part() <= need(known.largest))]
    again = laddered(ground, known, comparisons, wide, STEPS, noise=True)
    return [new if new.part() < old.part() else old for old, new in zip(comparisons, again, strict=True)]


def widened(
    ground: Ground, comparisons: list[Comparison], where: list[int], rng: np.random.Generator
) -> list[Comparison]:
    """Measure the complex step's noise along the very probes where it alone contradicts the claim."""
    pairs = zip(where, rng.integers(2**32, size=len(where)).tolist(), strict=True)
    tasks = [Task(comparisons[i].probe, exact=True, jitter=seed, repeats=JITTERS) for i, seed in pairs]
    found = list(comparisons)
    for i, reading in zip(where, read_all(ground.mapper, ground.problem, ground.place, tasks), strict=True):
        bar = comparisons[i].exact_bar
        if reading.exact is not None and reading.exact.noise is not None and bar is not None:
            size = float(np.abs(reading.exact.value).max())
            bar = bar + 8 * without_jumps(reading.exact.noise, size, size, 2.0**-53)
            found[i] = dataclasses.replace(comparisons[i], exact_bar=bar)
    return found


def _retried(
    ground: Ground, known: Known, comparisons: list[Comparison], where: list[int], own_scale: bool
) -> list[Comparison]:
    """Try what is still unresolved on the second ladder, or with steps of the entry's own size.

    An entry far smaller than its array may have a domain or a kink as close as itself.
    """
    found = list(comparisons)
    for i in where:
        old = comparisons[i]
        hides_kink = old.exact is None and old.hides_kink()
        settled = old.resolved and not (own_scale and (old.outside().any() or old.kink.any() or hides_kink))
        if old.real is None or settled or (own_scale and old.probe.coordinate is None):
            continue
        new = claimed(ground, dataclasses.replace(old.probe, own_scale=own_scale))
        if own_scale and new.unit == old.unit:
            continue
        (new,) = laddered(ground, known, [new], [0], STEPS if own_scale else SECOND_STEPS)
        still = new.real is not None and new.real.still.any()
        lost = own_scale and still and new.outside().any() and not old.still_everywhere()  # in a rounding
        tells = new.outside().any() or old.outside().any() or not old.resolved or new.part() <= need(ground.claim.u)
        if new.resolved and tells and not lost:
            if old.exact is not None and old.exact_bar is not None:
                ratio = new.unit / old.unit
                new = dataclasses.replace(new, exact=old.exact * ratio, exact_bar=old.exact_bar * ratio)
            found[i] = new
    return found
