"""Which directions to probe: chosen by size, without being asked."""

import dataclasses
from collections.abc import Collection

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.subjects.problem import LARGE, Arrays

EXHAUSTIVE = 256  # entries up to which the complex step is taken along every one
SUSPECTS = 4  # zeros or ties, an array, that are differenced at the user's own point
DIRECTIONS = 2  # an array, where there are real differences alone
COMMON = 0.01  # the part of an array that is zero or tied, above which it is so for a reason


@dataclasses.dataclass(frozen=True)
class Plan:
    """Directions, and for each whether it gets a ladder of real differences besides the complex step."""

    probes: list[Probe]
    real: list[bool]


def dense(sizes: list[int], exact: bool, rng: np.random.Generator) -> Plan:
    """Return random directions, in which every entry of an array moves.

    Where the complex step may be tried it is taken along one for each array, and one ladder moves all arrays at once;
    else every direction has a ladder.
    """
    if exact:
        return together(sizes, rng)
    several = range(1 if sum(sizes) > LARGE else DIRECTIONS)
    probes = [Probe(leaf, seed=int(rng.integers(2**32))) for leaf, size in enumerate(sizes) if size for _ in several]
    return Plan(probes, [True] * len(probes))


def together(sizes: list[int], rng: np.random.Generator, without: Collection[int] = ()) -> Plan:
    """Return a direction for the complex step in every array, and one ladder that moves all of them at once."""
    moving: list[int | None] = [leaf for leaf, size in enumerate(sizes) if size and leaf not in without]
    if len(moving) > 1:
        moving = [None, *moving]
    held = tuple(sorted(without))
    probes = [Probe(leaf, seed=int(rng.integers(2**32)), without=() if leaf is not None else held) for leaf in moving]
    return Plan(probes, [leaf == moving[0] for leaf in moving])


def given(sizes: list[int], exact: bool, rng: np.random.Generator, wrong: set[int]) -> Plan:
    """Return the directions for the user's own point, in which every entry of an array moves, but of wrong arrays.

    Where both sides of such a direction have one slope, no entry is at a kink.  Where the complex step can be believed
    one ladder moves all arrays at once.
    """
    return together(sizes, rng, wrong) if exact else apart(sizes, rng, wrong)


def apart(sizes: list[int], rng: np.random.Generator, wrong: set[int]) -> Plan:
    """Return a direction with a ladder of its own for every array that is not wrong: to tell which of them is."""
    probes = [Probe(i, seed=int(rng.integers(2**32))) for i, size in enumerate(sizes) if size and i not in wrong]
    return Plan(probes, [True] * len(probes))


def special(point: Arrays, exact: bool, rng: np.random.Generator, wrong: set[int]) -> Plan:
    """Return what else is probed at the user's own point: single entries that may lie at a kink, and ties as wholes.

    Where the complex step can be believed, it is taken along every entry of a small problem, but of wrong arrays.
    """
    every = exact and sum(x.size for x in point) <= EXHAUSTIVE
    probes, real = [], []
    for leaf, x in enumerate(point):
        suspects = np.flatnonzero((x == 0) | tied(x))
        by_chance = suspects.size < COMMON * x.size  # among many numbers of few bits some are equal
        few = 0 if by_chance else min(SUSPECTS, suspects.size)
        chosen = set(rng.choice(suspects, few, replace=False).tolist()) if few else set()
        entries = range(x.size) if every and leaf not in wrong else sorted(chosen)
        probes += [Probe(leaf, coordinate=i) for i in entries]
        real += [i in chosen for i in entries]
    for leaf, x in enumerate(point):
        if x.size and np.mean(tied(x)) > COMMON:  # moved alike they stay equal: along such a direction a tie is smooth
            probes.append(Probe(leaf, seed=int(rng.integers(2**32)), by_value=True))
            real.append(True)
    return Plan(probes, real)


def tied(x: np.ndarray) -> np.ndarray:
    """Return where an entry occurs more than once in its array."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return counts[inverse.reshape(x.shape)] > 1
