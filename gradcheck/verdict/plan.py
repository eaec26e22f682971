"""Which directions to probe: chosen by size, without being asked."""

import dataclasses
from collections.abc import Collection

import numpy as np

from gradcheck.claims.claim import Claim
from gradcheck.numeric.probe import Along, Probe
from gradcheck.numeric.scales import root_sum_square
from gradcheck.subjects.problem import LARGE, Arrays

EXHAUSTIVE = 256  # entries up to which the complex step is taken along every one
SUSPECTS = 4  # zeros or ties, an array, that are differenced at the user's own point
DIRECTIONS = 2  # an array, where there are real differences alone
SMALLEST = 2.0**-100  # of the largest change, above which every entry counts alike along a balanced direction
ABOVE = 2.0**40  # times the noise of a claim
AMPLIFIED = 2.0**20  # an array at most, beside the one that counts most
COMMON = 0.01  # the part of an array that is zero or tied, above which it is so for a reason


@dataclasses.dataclass(frozen=True)
class Plan:
    """Directions, and for each whether it gets a ladder of real differences besides the complex step."""

    probes: list[Probe]
    real: list[bool]


def dense(sizes: list[int], exact: bool, rng: np.random.Generator, along: Probe | None = None) -> Plan:
    """Return random directions, in which every entry of an array moves.

    Where the complex step may be tried it is taken along one for each array, and one ladder moves all arrays at once,
    `along` a probe that is given; else every direction has a ladder.
    """
    if exact:
        whole = together(sizes, rng)
        return whole if along is None or not whole.probes else Plan([along, *whole.probes[1:]], whole.real)
    several = range(1 if sum(sizes) > LARGE else DIRECTIONS)
    probes = [Probe(leaf, seed=int(rng.integers(2**32))) for leaf, size in enumerate(sizes) if size for _ in several]
    return Plan(probes, [True] * len(probes))


def together(
    sizes: list[int], rng: np.random.Generator, without: Collection[int] = (), shown: Collection[int] = ()
) -> Plan:
    """Return a direction for the complex step in every array, and one ladder that moves all of them at once.

    Where several arrays move, those that have been `shown` have no complex step of their own.
    """
    moving: list[int | None] = [leaf for leaf, size in enumerate(sizes) if size and leaf not in without]
    if len(moving) > 1:
        moving = [None, *(leaf for leaf in moving if leaf not in shown)]
    held = tuple(sorted(without))
    probes = [Probe(leaf, seed=int(rng.integers(2**32)), without=() if leaf is not None else held) for leaf in moving]
    return Plan(probes, [leaf == moving[0] for leaf in moving])


def given(
    sizes: list[int], exact: bool, rng: np.random.Generator, wrong: set[int], shown: Collection[int] = ()
) -> Plan:
    """Return the directions for the user's own point, in which every entry of an array moves, but of wrong arrays.

    Where both sides of such a direction have one slope, no entry is at a kink.  Where the complex step can be believed
    one ladder moves all arrays at once.
    """
    return together(sizes, rng, wrong, shown) if exact else apart(sizes, rng, wrong)


def apart(sizes: list[int], rng: np.random.Generator, wrong: set[int]) -> Plan:
    """Return a direction with a ladder of its own for every array that is not wrong: to tell which of them is."""
    probes = [Probe(i, seed=int(rng.integers(2**32))) for i, size in enumerate(sizes) if size and i not in wrong]
    return Plan(probes, [True] * len(probes))


def special(point: Arrays, rng: np.random.Generator, wrong: set[int]) -> Plan:
    """Return what else is probed at the user's own point: single entries that may lie at a kink, and ties as wholes.

    Of what is wrong already nothing is.
    """
    probes = []
    for leaf, x in enumerate(point):
        if leaf in wrong:
            continue
        suspects = np.flatnonzero((x == 0) | tied(x))
        by_chance = suspects.size < COMMON * x.size  # among many numbers of few bits some are equal
        few = 0 if by_chance else min(SUSPECTS, suspects.size)
        chosen = rng.choice(suspects, few, replace=False).tolist() if few else []
        probes += [Probe(leaf, coordinate=i) for i in sorted(chosen)]
    for leaf, x in enumerate(point):
        if leaf not in wrong and x.size and np.mean(tied(x)) > COMMON:
            # moved alike they stay equal: along such a direction a tie is smooth
            probes.append(Probe(leaf, seed=int(rng.integers(2**32)), by_value=True))
    return Plan(probes, [True] * len(probes))


def balanced(
    point: Arrays, claim: Claim, rng: np.random.Generator, wrong: set[int], known: list[set[int]]
) -> tuple[Plan, Plan]:
    """Return a direction for the complex step along which all entries count alike, and one for each array alone.

    Each entry that is not `known`, nor one of a wrong array, moves the farther the less its claims change y, but for
    their noise: an error shows that is a part of its own entry.
    """
    vectors: dict[int, np.ndarray] = {}
    tops: dict[int, float] = {}
    for leaf, x in enumerate(point):
        if leaf in wrong:
            continue
        even = Probe(leaf, seed=int(rng.integers(2**32)), held=tuple(known[leaf])).direction(point)[leaf]
        size = root_sum_square(claim.values[leaf], axis=0).ravel()
        change = np.maximum(size, ABOVE * claim.deviation(leaf).max(axis=0)) * np.abs(even.ravel())
        top = float(change.max(initial=0))
        if np.count_nonzero(even) > 1 and 0 < top < np.inf:
            vectors[leaf] = even * (top / np.maximum(change, SMALLEST * top)).reshape(x.shape)
            tops[leaf] = top
    alike = {leaf: v * min(max(tops.values()) / tops[leaf], AMPLIFIED) for leaf, v in vectors.items()}
    each = [_along(leaf, {leaf: v}, len(point)) for leaf, v in vectors.items()]
    whole = [_along(None, alike, len(point))] if len(vectors) > 1 else each
    return Plan(whole, [False] * len(whole)), Plan(each, [False] * len(each))


def _along(leaf: int | None, vectors: dict[int, np.ndarray], count: int) -> Probe:
    return Along(leaf, vectors=tuple(vectors.get(i) for i in range(count)))


def every(sizes: list[int], among: Collection[int | None], known: list[set[int]]) -> Plan:
    """Return every entry of some arrays that is not `known`, for the complex step."""
    pairs = [(leaf, i) for leaf, size in enumerate(sizes) if leaf in among for i in range(size)]
    probes = [Probe(leaf, coordinate=i) for leaf, i in pairs if i not in known[leaf]]
    return Plan(probes, [False] * len(probes))


def tied(x: np.ndarray) -> np.ndarray:
    """Return where an entry occurs more than once in its array."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return counts[inverse.reshape(x.shape)] > 1
