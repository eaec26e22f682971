"""The first look along every probe: tasks, claims, and what the readings say."""

import dataclasses

import numpy as np

from gradcheck.claims.claim import without_jumps
from gradcheck.numeric.constants import COARSEST, JITTERS, TINY, WINDOW
from gradcheck.numeric.extrapolate import estimates
from gradcheck.numeric.kinks import where_still, without_noise_alone
from gradcheck.numeric.ladder import STEPS, rounded
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Exact, Reading, Task, read_all
from gradcheck.numeric.scales import root_sum_square
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Kind, Known, noise_of

LEAN = [1, 2, 3, 4, 5, 6, 9]  # of the first levels: of a large problem, and of whole arrays beside the complex step
ARRAY_JITTERS = 2  # along a whole array; once misses its roundings where few entries vary
LOUDER = 8  # than the claim: in 201 examples of layers the two are alike, within a factor of 5 for nine in ten
EXACT_NOISE_PROBES = {True: 1, False: 4}  # an array; directions, single entries


def first_tasks(
    ground: Ground, known: Known, probes: list[Probe], real: list[bool], rng: np.random.Generator
) -> list[Task]:
    """Return what to measure along each probe; a large problem measures noise only where something is doubtful.

    Where all arrays move together once, the complex step's noise is measured along that direction alone.
    """
    lean, window = ground.problem.is_large, STEPS[list(WINDOW)]
    measured: set[int | None] = set(known.levels)
    joint = any(probe.leaf is None for probe in probes)
    as_wholes = {*known.exact, *map(_kind, probes)}
    jitters: dict[Kind, int] = {}
    tasks = []
    for i, probe in enumerate(probes):
        kind = _kind(probe)
        jitters[kind] = jitters.get(kind, 0) + 1
        known_of = kind in known.exact or (not kind[1] and (kind[0], True) in as_wholes)
        wanted = not known_of and jitters[kind] <= EXACT_NOISE_PROBES[kind[1]]
        noisy = ground.exact and wanted and (probe.leaf is None) == joint
        seed = int(rng.integers(2**32))
        steps = window[LEAN] if lean or (ground.exact and probe.coordinate is None) else window
        repeats = 1 if probe.leaf is None else ARRAY_JITTERS if kind[1] else JITTERS
        jitter = seed if noisy else None
        confirms = ground.exact and _moves_all(ground, probe)  # if noise keeps it from that, it is measured
        noise = real[i] and ground.measures_noise and not lean and not confirms and probe.leaf not in measured
        measured |= {probe.leaf} if noise else set()
        tasks.append(
            Task(probe, steps if real[i] else None, ground.exact, jitter, noise=noise, repeats=repeats)
        )
    return tasks


def claimed(ground: Ground, probe: Probe) -> Comparison:
    """Return the claim along a probe, with nothing beside it yet."""
    direction = probe.direction(ground.place.point)
    if probe.coordinate is not None:
        unit = float(direction[probe.array].flat[probe.coordinate])
        return Comparison(probe, unit, *ground.claim.entry(probe.array, probe.coordinate, unit))
    lengths = [_length(d, ground.claim.values[i]) for i, d in direction.items() if d.any()]
    value, bar, noise, terms = ground.claim.along(direction)
    return Comparison(probe, max(lengths, default=1.0), value, bar, noise=noise, terms=terms)


def _length(d: np.ndarray, values: np.ndarray) -> float:
    """Return the root mean square of a direction, of its entries that have a claim, if any has: they are the gradient.

    What a mask of -1e30 hides moves by as much, and has none.
    """
    counts = (d != 0) & (values != 0).any(axis=0)
    moves = d[counts if counts.any() else d != 0]
    return float(root_sum_square(moves) / np.sqrt(moves.size))


def with_exact(
    ground: Ground, known: Known, comparisons: list[Comparison], readings: list[Reading]
) -> tuple[list[Comparison], Known]:
    """Return the comparisons with the complex step's derivative where it was taken, and what is known of its noise.

    Of an array for which nobody has measured that, because all moved together, it is the claim's: both are the same
    derivative, and a change of the point by a few roundings changes both alike.
    """
    u = 2.0**-53
    pairs = [(c, r.exact) for c, r in zip(comparisons, readings, strict=True)]
    sizes: dict[int | None, float] = {}
    for c, exact in pairs:
        if exact is not None:
            sizes[c.probe.leaf] = max(sizes.get(c.probe.leaf, 0.0), float(np.abs(exact.value).max()))
    noises = dict(known.exact)
    for c, exact in pairs:
        if exact is not None and exact.noise is not None:
            noise = without_jumps(exact.noise, sizes[c.probe.leaf], max(sizes.values()), u)
            noises[_kind(c.probe)] = np.maximum(noises.get(_kind(c.probe), 0.0), noise)
    for i, lent, _ in _lending(ground, known, comparisons, readings):
        kind = _kind(comparisons[i].probe)
        noises[kind] = np.maximum(noises.get(kind, 0.0), lent)
    found = []
    for c, exact in pairs:
        if exact is not None:
            kinds = (_kind(c.probe), (c.probe.leaf, True), (None, True))  # entries have no more than their array
            added = sum(noise for (_, whole), noise in noises.items() if whole)  # together they have what all have
            noise = next((noises[kind] for kind in kinds if kind in noises), added)
            bar = (16 * u + 4 * ground.problem.declared.noise) * exact.size + 4 * noise
            c = dataclasses.replace(c, exact=exact.value, exact_bar=bar)
        found.append(c)
    return found, dataclasses.replace(known, exact=noises)


def with_exact_noise(
    ground: Ground, known: Known, comparisons: list[Comparison], readings: list[Reading], rng: np.random.Generator
) -> list[Reading]:
    """Return the readings with the complex step's noise of arrays measured where the claim's does not tell it.

    That is of those where the two differ by more than their bars, and of all where along all of them together
    complex numbers are noisier than the claim.
    """
    lending = _lending(ground, known, comparisons, readings)
    loud = any(_is_louder(exact, lent) for _, lent, exact in lending)  # that of all: of one it was not measured
    alone = [(i, exact.slopes) for i, _, exact in lending if comparisons[i].probe.leaf is not None]
    slopes = {i: taken for i, taken in alone if loud or comparisons[i].exact_outside().any()}
    if not slopes:
        return readings
    tasks = []
    for i, taken in slopes.items():
        seed = int(rng.integers(2**32))
        tasks.append(Task(comparisons[i].probe, None, True, seed, slopes=taken, repeats=ARRAY_JITTERS))
    new = dict(zip(slopes, read_all(ground.mapper, ground.problem, ground.place, tasks), strict=True))
    return [dataclasses.replace(r, exact=new[i].exact) if i in new else r for i, r in enumerate(readings)]


def _lending(
    ground: Ground, known: Known, comparisons: list[Comparison], readings: list[Reading]
) -> list[tuple[int, np.ndarray, Exact]]:
    """Return where the noise of a claim stands for that of the complex step, once all arrays have moved together."""
    if ground.problem.is_large or all(c.probe.leaf is not None for c in comparisons):
        return []
    found = []
    for i, (c, reading) in enumerate(zip(comparisons, readings, strict=True)):
        lent, exact = c.noise, reading.exact
        if lent is None or exact is None or _kind(c.probe) in known.exact:
            continue
        if c.probe.leaf is None or exact.noise is None:
            found.append((i, lent, exact))
    return found


def _is_louder(exact: Exact, lent: np.ndarray) -> bool:
    return exact.noise is not None and bool((exact.noise > LOUDER * (lent + 2.0**-53 * exact.size)).any())


def with_real(
    ground: Ground, known: Known, comparisons: list[Comparison], where: list[int], readings: list[Reading]
) -> list[Comparison]:
    """Return the comparisons with what the ladders say of those at `where`."""
    claim, place = ground.claim, ground.place
    swept = [
        (i, r.sweep, max(known.level(comparisons[i].probe.leaf), 0.0 if r.noise is None else float(r.noise.max())))
        for i, r in zip(where, readings, strict=True)
        if r.sweep is not None
    ]
    bounds = [noise_of(ground, s, n) + claim.lost(place.point, comparisons[i].probe, s.steps) for i, s, n in swept]
    estimated = estimates([sweep for _, sweep, _ in swept], bounds, claim.u)
    found = list(comparisons)
    for (i, sweep, level), bound, real in zip(swept, bounds, estimated, strict=True):
        inside = max(1.0, ground.rounding / claim.u)  # the size of terms that may cancel
        hidden = 4 * claim.u * rounded(place.g, np.maximum(np.abs(place.y), inside))
        lowest = hidden / sweep.steps.max(axis=0, initial=TINY)
        real = where_still(real, found[i].claimed, bound, lowest, sweep.steps, 4 * ground.narrow * sweep.weight)
        if level > COARSEST:
            real = without_noise_alone(real)
        found[i] = dataclasses.replace(found[i], real=real, sweep=sweep, bounds=bound)
    return found


def _moves_all(ground: Ground, probe: Probe) -> bool:
    """Whether all arrays move along a probe, or the only one there is."""
    alone = sum(x.size > 0 for x in ground.place.point) == 1
    return probe.coordinate is None and (probe.leaf is None or alone)


def with_noise(ground: Ground, known: Known, comparisons: list[Comparison]) -> tuple[list[Comparison], Known]:
    """Measure noise along a ladder of all entries beside which the complex step, or the claim, lies outside."""
    if not ground.exact or not ground.measures_noise or ground.problem.is_large:
        return comparisons, known
    for i, c in enumerate(comparisons):
        doubted = (c.outside() | c.exact_contradicts_real()).any() and not c.is_plain()
        if doubted and _moves_all(ground, c.probe) and c.probe.leaf not in known.levels:
            (reading,) = read_all(ground.mapper, ground.problem, ground.place, [Task(c.probe, noise=True)])
            known = known.with_noise(c.probe.leaf, reading.noise)
            comparisons = with_real(ground, known, comparisons, [i], [Reading(c.probe, sweep=c.sweep)])
    return comparisons, known


def _kind(probe: Probe) -> Kind:
    return probe.leaf, probe.coordinate is None
