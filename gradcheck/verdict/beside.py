"""What is exact beside steps of a format of few bits: outputs, and entries, that do not move in them are judged alone.

Where half of a layer is in bfloat16 a claim along all of an array has the digits of that half.  Along the entries
that are exact, or for a cotangent of the outputs that are, it has all of its own.
"""

import dataclasses

import numpy as np

from gradcheck.claims.claim import claim_at
from gradcheck.numeric import staircase
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.tabulate import Line
from gradcheck.verdict import plan
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.halves import in_two
from gradcheck.verdict.locate import locate
from gradcheck.verdict.measured import measured
from gradcheck.verdict.moved_steps import Place, places
from gradcheck.verdict.worst_entry import line_at

MOST = 32  # parts of an array that are looked at, above which its steps are taken to be everywhere
JITTERS = 2


def beside_steps(near: Ground, known: Known, stepping: set[int], rng: np.random.Generator) -> list[list[Comparison]]:
    """Return what more there is to compare, for each array, where those of some array move f in steps."""
    near, known = dataclasses.replace(near, exact=False), dataclasses.replace(known, common={})
    sizes = [x.size for x in near.place.point]
    more: list[list[Comparison]] = [[] for _ in sizes]
    smooth = _smooth(near, Probe(None, seed=int(rng.integers(2**32))))
    if smooth.any() and not smooth.all():
        g = near.place.g * smooth
        claim = claim_at(near.problem, near.place.point, g, near.claim.u, JITTERS, rng)
        alone = dataclasses.replace(near, place=dataclasses.replace(near.place, g=g), claim=claim)
        along = plan.apart(sizes, rng, set())
        for c in measured(alone, known, along.probes, along.real, rng)[0]:
            leaf = c.probe.array
            more[leaf].append(c)
            if c.outside().any():
                more[leaf] += locate(alone, known, leaf, False, rng).comparisons
    for leaf in sorted(stepping):
        stepped = _stepping(near, leaf, sizes[leaf], rng)
        if len(stepped) < sizes[leaf]:
            probe = Probe(leaf, seed=int(rng.integers(2**32)), held=tuple(stepped))
            more[leaf] += measured(near, known, [probe], [True], rng)[0]
    return more


def _smooth(ground: Ground, probe: Probe) -> np.ndarray:
    """Return which outputs (m,) do not move in steps along a probe."""
    place = ground.place
    return staircase.smooth(Line(ground.problem, place.point, probe.direction(place.point), None, place.y.size))


def _stepping(ground: Ground, leaf: int, size: int, rng: np.random.Generator) -> list[int]:
    """Return the entries of an array along which some output moves in steps, or that move such steps, found by halves.

    These are looked for where all entries move to one side, as those of a sum are.
    """
    probe, parts, looked_at = Probe(leaf, seed=int(rng.integers(2**32))), [(0, size)], 0
    found: list[int] = []
    steps: list[Place] | None = None
    while parts:
        start, stop = parts.pop(0)
        part = dataclasses.replace(probe, start=start, stop=stop)
        looked_at += 1
        if looked_at <= MOST and _smooth(ground, part).all():
            steps = _places(ground, probe) if steps is None else steps
            if not any(step.is_moved(part.direction(ground.place.point)) for step in steps):
                continue
        if stop - start == 1 or looked_at > MOST:
            found += range(start, stop)
        else:
            parts += in_two(start, stop)
    return sorted(found)


def _places(ground: Ground, probe: Probe) -> list[Place]:
    """Return places of steps, where all entries grow, of some outputs that move in them."""
    along = dataclasses.replace(probe, one_sided=True).direction(ground.place.point)
    return places(line_at(ground, along), np.flatnonzero(~_smooth(ground, probe)))
