"""Which directions to probe: chosen by size, without being asked."""

import dataclasses

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.subjects.problem import LARGE, Arrays

EXHAUSTIVE = 256  # entries up to which every one is differenced
SUSPECTS = 4  # zeros or ties, an array, that are differenced at the user's own point in a larger problem
DIRECTIONS = 2  # an array
COMMON = 0.01  # the part of an array that is zero or tied, above which it is so for a reason


@dataclasses.dataclass(frozen=True)
class Plan:
    """Directions, and for each whether it gets a ladder of real differences besides the complex step."""

    probes: list[Probe]
    real: list[bool]


def dense(sizes: list[int], exact: bool, rng: np.random.Generator) -> Plan:
    """Return random directions, in which every entry of an array moves.

    With the complex step one direction an array has a ladder; without it all have.  In a large
    problem one ladder moves all arrays at once.
    """
    seeds = [int(seed) for seed in rng.integers(2**32, size=(len(sizes) + 1) * DIRECTIONS)]
    filled = [leaf for leaf, size in enumerate(sizes) if size]
    if sum(sizes) > LARGE:
        if exact:
            probes = [Probe(None, seed=seeds[-1])] + [Probe(leaf, seed=seeds[leaf]) for leaf in filled]
            return Plan(probes, [True] + [False] * len(filled))
        return Plan([Probe(leaf, seed=seeds[leaf]) for leaf in filled], [True] * len(filled))
    pairs = [(leaf, k) for leaf in filled for k in range(DIRECTIONS)]
    probes = [Probe(leaf, seed=seeds[leaf * DIRECTIONS + k]) for leaf, k in pairs]
    return Plan(probes, [not exact or k == 0 for _, k in pairs])


def given(sizes: list[int], exact: bool, rng: np.random.Generator, wrong: set[int]) -> Plan:
    """Return the directions for the user's own point, where not every entry is differenced, but for wrong arrays.

    Where the complex step can be believed one ladder moves all arrays at once.
    """
    if sum(sizes) <= EXHAUSTIVE:
        return Plan([], [])
    if wrong or not exact:
        return apart(sizes, rng, wrong)
    moving = [None, *(leaf for leaf, size in enumerate(sizes) if size)]
    probes = [Probe(leaf, seed=int(rng.integers(2**32))) for leaf in moving]
    return Plan(probes, [probe.leaf is None for probe in probes])


def apart(sizes: list[int], rng: np.random.Generator, wrong: set[int]) -> Plan:
    """Return a direction with a ladder of its own for every array that is not wrong: to tell which of them is."""
    probes = [Probe(i, seed=int(rng.integers(2**32))) for i, size in enumerate(sizes) if size and i not in wrong]
    return Plan(probes, [True] * len(probes))


def special(point: Arrays, rng: np.random.Generator) -> Plan:
    """Return what is probed at the user's own point: single entries, and ties as wholes.

    Every entry of a small problem; of a larger one a few that may lie at a kink.
    """
    if sum(x.size for x in point) <= EXHAUSTIVE:
        probes = [Probe(leaf, coordinate=i) for leaf, x in enumerate(point) for i in range(x.size)]
    else:
        probes = []
        for leaf, x in enumerate(point):
            suspects = np.flatnonzero((x == 0) | tied(x))
            if suspects.size < COMMON * x.size:  # among many numbers of few bits some are equal by chance
                continue
            chosen = rng.choice(suspects, min(SUSPECTS, suspects.size), replace=False) if suspects.size else ()
            probes += [Probe(leaf, coordinate=int(i)) for i in sorted(chosen)]
    for leaf, x in enumerate(point):
        if x.size and np.mean(tied(x)) > COMMON:  # moved alike they stay equal: along such a direction a tie is smooth
            probes.append(Probe(leaf, seed=int(rng.integers(2**32)), by_value=True))
    return Plan(probes, [True] * len(probes))


def tied(x: np.ndarray) -> np.ndarray:
    """Return where an entry occurs more than once in its array."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return counts[inverse.reshape(x.shape)] > 1
