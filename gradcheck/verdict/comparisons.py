"""All comparisons that a verdict rests on: at the generic point, at the given one, at entries that they lead to."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.claims.claim import claim_at
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import quantise
from gradcheck.precision.formats import FEW_BITS
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem
from gradcheck.verdict import plan
from gradcheck.verdict.beside import beside_steps
from gradcheck.verdict.blocks import in_blocks
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.given import compare_at_given, contradicting, settled, unbalanced
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.locate import located
from gradcheck.verdict.lost import sharpened
from gradcheck.verdict.measured import measured
from gradcheck.verdict.places import Places, inside, unrounded, with_output
from gradcheck.verdict.special import is_special

JITTERS = 2  # of a claim
SHARP = 1e-6  # of a claim: a bar of real differences that leave nothing to the complex step
EXPLAINED = 4  # wrong arrays whose entries are located, mapped and diagnosed

Columns = list[list[Comparison]]  # the comparisons of each array; those along which all move belong to every one


@dataclasses.dataclass(frozen=True)
class Comparisons:
    """The comparisons of each array, and where they were made."""

    near: Ground
    known: Known  # of the noise there
    own: Place
    of: Columns
    along: Columns  # those along dense directions at the generic point
    believed: tuple[bool, ...]  # whether the complex step is, for each array
    explained: tuple[int, ...]  # the first arrays that are wrong
    findings: tuple[Finding, ...]

    def steps(self, leaf: int | None = None) -> float:
        """Return the roundoff of the format in whose steps f moves along an array, or any; 0 where it does not."""
        return max((c.steps for found in self.of for c in found if leaf in (None, c.probe.leaf)), default=0.0)


def compare_all(
    problem: Problem, places: Places, rounding: float, mapper: Callable, rng: np.random.Generator
) -> Comparisons:
    """Compare all arrays; `rounding` is what roundings make of y."""

    def ground_at(place: Place, is_near: bool = False) -> Ground:
        claim = claim_at(problem, place.point, place.g, places.u, 1 if problem.is_large else JITTERS, rng)
        return Ground(problem, place, claim, places.exact, mapper, is_near, rounding, places.narrow)

    def at_given(g: np.ndarray) -> Place:
        return with_output(problem, unrounded(problem, places.own.point, places.moved), g)

    near = ground_at(places.near, is_near=True)
    if places.near.point is places.own.point and not near.claim.is_finite:
        # rounded to a few bits less, the given point lies where derivatives have left the domain
        near = ground_at(at_given(places.near.g), is_near=True)
    along, known = _near(near, rng, places.along)
    columns, own_place = along, with_output(problem, places.own.point, places.own.g) if problem.is_large else places.own
    sampled: list[Finding] = []
    is_left = len(_wrong(along)) < len(along)  # what is wrong near by is wrong
    if is_left:
        own = ground_at(own_place)
        if is_special(problem, places, own.claim.values, rng):
            own = ground_at(at_given(places.own.g))
        given, sampled = _at_given(own, known.elsewhere(), along, rng)
        columns, own_place = [found + more for found, more in zip(along, given, strict=True)], own.place
    if is_left and places.moved:
        point, y = inside(problem, [quantise(leaf.value) for leaf in problem.leaves], set())
        unmoved = ground_at(Place(point, y.astype(np.float64), places.own.g))
        seen = dataclasses.replace(known.elsewhere(), exact={})
        more = contradicting(unmoved, seen, _wrong(columns), rng)
        columns = [found + other for found, other in zip(columns, more, strict=True)]
    in_parts = set[int]()
    if places.u >= FEW_BITS:
        columns, known, in_parts = in_blocks(ground_at(own_place), known, columns, rng)
    believed = tuple(places.exact and not any(map(_refutes_complex_step, found)) for found in columns)
    explained = tuple(sorted(_wrong(columns))[:EXPLAINED])
    traced = tuple(leaf for leaf in explained if leaf not in in_parts)
    columns, known, dense = located(near, known, columns, believed, traced, rng)
    stepping = {i for i, found in enumerate(columns) if any(c.steps and c.probe.leaf == i for c in found)}
    if stepping:
        more = beside_steps(near, known, stepping, rng)
        columns = [a + b for a, b in zip(columns, more, strict=True)]
        explained = tuple(sorted(_wrong(columns))[:EXPLAINED])
    return Comparisons(near, known, own_place, columns, along, believed, explained, (*sampled, *dense))


def _near(near: Ground, rng: np.random.Generator, tried: Probe | None = None) -> tuple[Columns, Known]:
    """Compare along dense directions at the generic point, where all arrays move together or each one alone.

    The first is one along which the complex step was `tried`, where it may be.
    """
    sizes = [x.size for x in near.place.point]
    whole = plan.dense(sizes, near.exact, rng, tried)
    columns, known = _filed(near, Known(), whole, rng)
    if all(whole.real):
        return columns, known
    if any(c.steps for found in columns for c in found):
        return _filed(near, known, plan.apart(sizes, rng, set()), rng)
    if not any(c.is_at_odds() for found in columns for c in found):
        columns, known, lost = sharpened(near, known, columns, rng)
        more, known = _filed(near, known, lost, rng)
        return [a + b for a, b in zip(columns, more, strict=True)], known
    doubted = {i for i, found in enumerate(columns) if any(c.is_at_odds() for c in found if c.probe.leaf is not None)}
    if doubted:  # each alone, and all others together
        alone = plan.apart(sizes, rng, set(range(len(sizes))) - doubted)
        rest = plan.together(sizes, rng, doubted).probes[:1]
        more, known = _filed(near, known, plan.Plan(alone.probes + rest, alone.real + [True] * len(rest)), rng)
        if not any(c.is_at_odds() for found in more for c in found if c.probe.leaf is None):
            kept = [[c for c in found if i not in doubted and c.probe.leaf == i] for i, found in enumerate(columns)]
            return [a + b for a, b in zip(kept, more, strict=True)], known
    return _filed(near, known, plan.apart(sizes, rng, set()), rng)


def _at_given(own: Ground, known: Known, along: Columns, rng: np.random.Generator) -> tuple[Columns, list[Finding]]:
    """Compare at the user's own point: every entry, or dense directions and the entries that these lead to."""
    sizes, wrong = [x.size for x in own.place.point], _wrong(along)  # what is wrong near by is wrong
    refuted = [any(map(_refutes_complex_step, found)) for found in along]
    exact = own.exact and not any(refuted)
    if all(refuted) and all(_is_sharp(c) for found in along for c in found if c.real is not None):
        # complex numbers tell nothing here, as of a product that is made of three real ones, and differences tell all
        own = dataclasses.replace(own, exact=False)
    columns, known = _filed(own, known, plan.special(own.place.point, rng, wrong), rng)
    shown: set[int] = set()
    if exact:
        odd, shown = unbalanced(own, known, wrong, columns, rng)
        entries, known = _filed(own, known, odd, rng)
        columns = [a + b for a, b in zip(columns, entries, strict=True)]
    whole = plan.given(sizes, exact, rng, wrong, shown)
    first, known = measured(own, known, whole.probes, whole.real, rng)
    is_joint = any(c.probe.leaf is None for c in first)
    filed = _by_array(first, len(sizes))
    if is_joint and all(map(settled, first)):
        filed, known, lost = sharpened(own, known, filed, rng)
        more, known = measured(own, known, lost.probes, lost.real, rng)
        filed = [found + [c for c in more if c.probe.leaf == leaf] for leaf, found in enumerate(filed)]
    if is_joint and not all(settled(c) for found in filed for c in found):  # an array is held by entries of its own
        whole = plan.apart(sizes, rng, wrong)
        first, known = measured(own, known, whole.probes, whole.real, rng)
        filed = _by_array(first, len(sizes))
    findings = []
    for leaf in range(len(sizes)):
        if leaf in wrong or not sizes[leaf]:
            continue
        alone = {c.probe.coordinate for c in columns[leaf] if c.probe.coordinate is not None and c.real is not None}
        found = compare_at_given(own, known, leaf, filed[leaf], alone, rng)
        columns[leaf], known = columns[leaf] + found.comparisons, found.known
        if not found.complete:
            findings.append(_of_a_sample(own.problem.leaves[leaf].name, found.comparisons))
    return columns, findings


def _of_a_sample(name: str, compared: list[Comparison]) -> Finding:
    kind, what = "sample", "entries at the given point that differences do not settle: of these"
    if any(c.kink.any() or c.hides_kink() for c in compared):
        kind, what = "kinks", "kinks at the given point: of their entries"
    return Finding(kind, f"{name} has many {what} a sample was compared", "note", name)


def _by_array(comparisons: list[Comparison], arrays: int) -> Columns:
    return [[c for c in comparisons if c.probe.moves(leaf)] for leaf in range(arrays)]


def _filed(ground: Ground, known: Known, chosen: plan.Plan, rng: np.random.Generator) -> tuple[Columns, Known]:
    found, known = measured(ground, known, chosen.probes, chosen.real, rng)
    columns: Columns = [[] for _ in ground.place.point]
    for c in found:
        odd = (c.kink | (c.outside() & c.exact_contradicts_real())).any()
        if c.probe.by_value and (c.real is None or odd):
            continue  # a tie with another array: no smooth direction, and of an interval no evidence
        for leaf, x in enumerate(ground.place.point):
            if x.size and c.probe.moves(leaf):
                columns[leaf].append(c)
    return columns, known


def _wrong(columns: Columns) -> set[int]:
    """Return the arrays that some comparison contradicts."""
    return {leaf for leaf, found in enumerate(columns) if any(c.outside().any() for c in found)}


def _is_sharp(c: Comparison) -> bool:
    """Whether differences confirm a claim to many digits."""
    return bool((c.real_tolerance <= SHARP * np.abs(c.claimed)).all() and not c.outside().any())


def _refutes_complex_step(c: Comparison) -> bool:
    """Whether real differences contradict the complex step, or f moves in steps, of which that knows nothing."""
    return c.steps > 0 or bool(c.exact_contradicts_real().any())
