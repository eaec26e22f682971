"""Claims at the very point that was given.

Along a dense direction there one comparison speaks for all entries, unless some lie at a kink: then the left and
the right slopes differ.  Of a small array every entry is compared then; of a large one halving finds the entries, each
is compared alone and held while the others move again.
"""

import dataclasses
from collections.abc import Collection, Iterator

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import scales
from gradcheck.verdict.below import allowing_for_what_steps_miss
from gradcheck.verdict.compare import Compared, glance, widened
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.halves import by_ladders
from gradcheck.verdict.locate import Located, halved
from gradcheck.verdict.measured import measured
from gradcheck.verdict.plan import EXHAUSTIVE, SUSPECTS, Plan, apart, balanced, every, given, tied

ROUNDS = 3  # of halving and holding
FEW = 32  # zeros and ties of a large array, which may all be compared alone; of a small one all may
COARSE = 8  # of them where a subject has few bits: each takes a thousand evaluations, and tells little
RESIDUE = 2.0**-20  # of the scale: nearer to zero than steps can tell
EVEN = 2.0**-32  # of what the largest entry of an array changes: nine digits and a half
WIDEST = 8  # unsettled segments at one depth: of more kinks than that a sample will do


def compare_at_given(
    ground: Ground, known: Known, leaf: int, first: list[Comparison], alone: Collection[int], rng: np.random.Generator
) -> Located:
    """Return what to file for one array, given its first comparisons there, and whether every entry took part.

    Entries that were compared `alone` before are not compared again.  A contradiction that no entry shows is filed only
    where the complex step confirms it.
    """
    if all(map(settled, first)):
        return Located(first, True, known)
    x = ground.place.point[leaf]
    suspects = np.flatnonzero((np.abs(x) <= RESIDUE * scales(x)) | tied(x))
    is_coarse = ground.has_few_bits
    every_one = EXHAUSTIVE if x.size <= EXHAUSTIVE else FEW
    few = suspects.size <= (COARSE if is_coarse else every_one)
    chosen = suspects if few else _of_each_value(x.ravel(), suspects, rng)
    if is_coarse and chosen.size > COARSE:
        chosen = np.sort(rng.choice(chosen, COARSE, replace=False))
    found, known = _alone(ground, known, leaf, np.setdiff1d(chosen, [*alone]), rng)
    complete, held = few or is_coarse, set(suspects.tolist())
    if 0 < len(held) < x.size:  # else nothing is left that moves
        first, known = _again(ground, known, first, suspects, rng)
        if all(map(settled, first)):
            return Located(found + first, complete, known)
    if x.size <= EXHAUSTIVE:
        if is_coarse:  # where it lies is asked in blocks
            return Located(found + _sure(first), True, known)
        rest = np.setdiff1d(np.arange(x.size), [*alone, *chosen])
        more, known = _alone(ground, known, leaf, rest, rng)
        return Located(found + more + _sure(first), True, known)
    for _ in range(ROUNDS):
        probe = next(c.probe for c in first if not settled(c))
        odd = halved(ground, known, probe, unsettled_by, WIDEST, by_ladders, rng)
        complete &= odd.complete
        new = [i for i in odd.entries if i not in held]
        if not new:
            known = odd.known
            break
        more, known = _alone(ground, odd.known, leaf, np.array(new), rng)
        found, held = found + more, held | set(new)
        if len(held) == x.size:
            break
        first, known = _again(ground, known, first, np.array(sorted(held)), rng)
        if all(map(settled, first)):
            return Located(found + first, complete, known)
    return Located(found + _sure(first), False, known)


def _of_each_value(x: np.ndarray, suspects: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one of the suspects, or some, of each of their most frequent values: a kink lies at a value."""
    values = np.where(np.abs(x) <= RESIDUE * scales(x), 0, x)[suspects]
    found, counts = np.unique(values, return_counts=True)
    most = found[np.argsort(-counts, kind="stable")[:FEW]]
    each = -(-SUSPECTS // len(most))
    rows = [suspects[values == value] for value in most]
    return np.sort(np.concatenate([rng.choice(row, min(each, row.size), replace=False) for row in rows]))


def contradicting(unmoved: Ground, known: Known, wrong: set[int], rng: np.random.Generator) -> list[list[Comparison]]:
    """Return what contradicts claims on arrays that are not wrong, where parameters of ones and zeros were not moved.

    Where all arrays move together first, and nothing is odd, nothing does.
    """
    sizes = [x.size for x in unmoved.place.point]
    more: list[list[Comparison]] = [[] for _ in sizes]
    whole = given(sizes, unmoved.exact, rng, wrong)
    first, known = measured(unmoved, known, whole.probes, whole.real, rng)
    if all(map(settled, first)):
        return more
    if not all(whole.real):
        whole = apart(sizes, rng, wrong)
        first, known = measured(unmoved, known, whole.probes, whole.real, rng)
    for c in first:
        found = compare_at_given(unmoved, known, c.probe.array, [c], (), rng)
        known = found.known
        more[c.probe.array] += [other for other in found.comparisons if other.outside().any()]
    return more


def _sure(first: list[Comparison]) -> list[Comparison]:
    return [c for c in first if settled(c) or c.is_plain()]


def settled(c: Comparison) -> bool:
    """Whether claim and number agree along a direction without a kink."""
    return unsettled_by(c) == 0


def unsettled_by(c: Comparison) -> float:
    """Return 0 where a comparison is settled; else how plainly it is not.

    Where all arrays move in steps, whose these are is asked array by array.  A kink near by, of which a bar tells
    nothing, is found as one at the point is, if complex numbers do not tell more.
    """
    if c.real is not None and (not c.resolved or (c.steps and c.probe.leaf is None)):
        return 1.0
    nearest = c.claimed if c.real is None else np.clip(c.claimed, c.real.low, c.real.high)
    with np.errstate(all="ignore"):
        excess = float(np.nan_to_num(np.abs(c.claimed - nearest) / c.real_tolerance, nan=np.inf).max())
    has_kink = c.kink.any() or (c.exact is None and c.hides_kink())
    return 1.0 + excess if has_kink or c.is_at_odds() else 0.0


def _alone(ground: Ground, known: Known, leaf: int, entries: np.ndarray, rng: np.random.Generator) -> Compared:
    units = [Probe(leaf, coordinate=int(i)) for i in entries]
    found, known = measured(ground, known, units, [True] * len(units), rng) if units else ([], known)
    kinked = [_as_kink(c) for c in found]
    new = [i for i, c in enumerate(kinked) if c is not found[i]]
    for i, c in zip(new, allowing_for_what_steps_miss(ground, [kinked[i] for i in new]), strict=True):
        kinked[i] = c
    return kinked, known


def _as_kink(c: Comparison) -> Comparison:
    """Return a comparison of an entry with a kink that is nearer than all steps as one at the kink."""
    if c.exact is not None or not c.hides_kink() or c.sweep is None or c.bounds is None or c.real is None:
        return c
    right, left = c.sweep.right[-1], c.sweep.left[-1]
    low, high = np.minimum(right, left), np.maximum(right, left)
    bar = c.bounds[-1] / c.sweep.steps[-1]
    real = dataclasses.replace(c.real, bar=bar, low=low, high=high, kink=np.ones(len(bar), bool))
    return dataclasses.replace(c, real=real)


def _again(
    ground: Ground, known: Known, first: list[Comparison], held: np.ndarray, rng: np.random.Generator
) -> Compared:
    """Compare along the same directions without some entries."""
    probes = [dataclasses.replace(c.probe, held=tuple(held.tolist())) for c in first]
    return measured(ground, known, probes, [True] * len(probes), rng)


def unbalanced(
    own: Ground, known: Known, wrong: set[int], columns: list[list[Comparison]], rng: np.random.Generator
) -> tuple[Plan, set[int]]:
    """Return the entries of small arrays that fail where all of these count alike, but those compared alone before.

    And the arrays of which that direction shows nothing odd, to EVEN of what an entry changes: these need no complex
    step of their own.
    """
    alone = [{c.probe.coordinate for c in found if c.probe.coordinate is not None} for found in columns]
    together, each = balanced(own.place.point, own.claim, rng, wrong, alone)
    found, _ = glance(own, known, together.probes, together.real, rng)
    if not own.problem.is_large:  # where it costs more than the few arrays that are asked then
        found = widened(own, found, [i for i, c in enumerate(found) if c.exact_outside().any()], rng)
    odd = any(c.exact_outside().any() for c in found)
    shown = set() if odd else {leaf for c in found for leaf in _shown(own, c)}
    if odd and each.probes != together.probes:
        found, _ = glance(own, known, each.probes, each.real, rng)
    sizes = [x.size if x.size <= EXHAUSTIVE else 0 for x in own.place.point]
    return every(sizes, {c.probe.leaf for c in found if c.exact_outside().any()}, alone), shown


def _shown(own: Ground, c: Comparison) -> Iterator[int]:
    """Yield the arrays whose entries change y along a direction by much more than its bar."""
    if c.exact is None or c.exact_bar is None:
        return
    least = float((c.exact_bar + c.claimed_bar).max()) / EVEN
    for leaf, d in c.probe.direction(own.place.point).items():
        if float(np.abs(own.claim.values[leaf] * d).max(initial=0)) >= least:
            yield leaf
