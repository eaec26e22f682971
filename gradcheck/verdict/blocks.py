"""Arrays of which a narrow format leaves too little along a direction of all entries: compared block by block.

Along a direction of n entries noise grows like the root of n, and one entry counts as much as alone: of 1,200 numbers
in float16 no entry shows, of five every one does.  Of so coarse a function two wide steps tell as much as a ladder.
"""

import dataclasses

import numpy as np

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.precision.formats import fewest_digits, need
from gradcheck.verdict.compare import Compared, laddered
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.halves import in_two
from gradcheck.verdict.many_steps import blocks_over_many_steps, over_many_steps
from gradcheck.verdict.measured import measured
from gradcheck.verdict.two_steps import at_two_steps

WIDE = STEPS[:6]  # smaller ones show the noise of such a format alone
PART = 3 / 4  # of the bar that is needed: what that is a part of is measured anew
STRETCHES = (2.0, 4.0, 1 / 4, 1 / 16)  # of the steps of one entry: f may be plainer than that, or less plain
FEWEST = 4  # entries of a block at first
MOST = 1024  # blocks of an array; of more a sample is looked at, which can contradict a claim but not acquit it
SAMPLE = 64
TOGETHER = 6  # contradicted blocks that are compared at length: if all are confirmed, the others are as well
FEW = 4  # contradicted blocks, up to which it is asked in which of their halves that is so
CLOSELY = 128  # groups of blocks that are compared over many steps: what is left of more, too, cannot acquit a claim
SHOWN = 32  # entries of such blocks that are compared alone

Segment = tuple[int, int]


def in_blocks(
    ground: Ground, known: Known, columns: list[list[Comparison]], rng: np.random.Generator
) -> tuple[list[list[Comparison]], Known, set[int]]:
    """Return the comparisons of all arrays, with those of blocks in place of whole ones that tell too little.

    And of which arrays that is so.
    """
    columns, changed = list(columns), set[int]()
    for leaf, found in enumerate(columns):
        length, size = _length(ground, leaf, found), ground.place.point[leaf].size
        if not length:
            continue
        segments = [(at, min(at + length, size)) for at in range(0, size, length)]
        is_sample = len(segments) > MOST
        if is_sample:
            segments = [segments[i] for i in rng.choice(len(segments), SAMPLE, replace=False)]
        compared, known, is_whole = _compared(ground, known, leaf, segments, rng)
        compared += (closer := _closer(ground, compared, rng))
        wrong = [c.probe for c in closer or compared if c.outside().any()]
        if not (wrong or (is_whole and not is_sample)):
            continue
        places = [probe.start + i for probe in wrong for i in range(probe.length(size))]
        entries = [Probe(leaf, coordinate=i) for i in places[:SHOWN]]
        shown = laddered(ground, known, [claimed(ground, p) for p in entries], list(range(len(entries))), WIDE)
        columns[leaf] = [c for c in found if c.probe.coordinate is not None] + compared + shown
        changed.add(leaf)
    return columns, known, changed


def _closer(ground: Ground, compared: list[Comparison], rng: np.random.Generator) -> list[Comparison]:
    """Return the halves of contradicted blocks, and of these again, as long as few are contradicted; the last ones."""
    found: list[Comparison] = []
    wrong = [c for c in compared if c.outside().any()]
    while 0 < len(wrong) <= FEW and all(c.probe.length(0) > FEWEST for c in wrong):
        ends = [half for c in wrong for half in in_two(c.probe.start, c.probe.start + c.probe.length(0))]
        probes = [dataclasses.replace(wrong[0].probe, start=start, stop=stop) for start, stop in ends]
        halves = [over_many_steps(ground, claimed(ground, probe), rng) for probe in probes]
        wrong = [c for c in halves if c.outside().any()]
        found = halves if wrong else found
    return found


def _length(ground: Ground, leaf: int, found: list[Comparison]) -> int:
    """Return how many entries a block should have, 0 where the whole array will do or nothing is known of it."""
    size = ground.place.point[leaf].size
    dense = [c for c in found if c.probe.coordinate is None and c.real is not None]
    if size <= 1 or not dense or any(c.jump.any() for c in dense):
        return 0
    bar = max(map(_bar, dense))
    wanted = _wanted(ground, leaf)
    if not 0 < wanted < np.inf or (bar <= wanted and not any(c.outside().any() for c in dense)):
        return 0
    return max(int(size * (wanted / bar) ** 2) if np.isfinite(bar) else 0, FEWEST)


def _wanted(ground: Ground, leaf: int) -> float:
    """Return the bar that is needed of one entry."""
    return PART * need(ground.claim.u, is_own=True) * float(np.sqrt(np.mean(np.square(ground.claim.values[leaf]))))


def _compared(
    ground: Ground, known: Known, leaf: int, segments: list[Segment], rng: np.random.Generator
) -> tuple[list[Comparison], Known, bool]:
    """Compare along segments, and along halves of those that tell too little; and whether all were, as closely as few.

    Over many steps a comparison takes a thousand evaluations and more.
    """
    seed, wanted, part = int(rng.integers(2**32)), _wanted(ground, leaf), PART * need(ground.claim.u, is_own=True)
    most = wanted / need(ground.claim.u, is_own=True) / 10 ** fewest_digits(ground.claim.u)
    done, left, is_whole = list[Comparison](), CLOSELY, True

    def is_enough(c: Comparison) -> bool:
        is_narrow = (c.real_tolerance <= part * np.abs(c.claimed)) & (c.real_tolerance <= most * c.unit)
        return bool((is_narrow | (c.real_tolerance <= wanted * c.unit)).all())

    while segments:
        probes = [Probe(leaf, seed=seed, start=start, stop=stop) for start, stop in segments]
        found = _looked(ground, known, probes)
        wide = [i for i, c in enumerate(found) if not is_enough(c) or _is_odd(c)]
        again, groups, are_all = blocks_over_many_steps(ground, [found[i] for i in wide], left, rng)
        left, is_whole = left - groups, is_whole and are_all
        for i, c in zip(wide, again, strict=True):
            found[i] = c
        found, known = _at_length(ground, known, found, rng)
        narrower: list[Segment] = []
        for (start, stop), c in zip(segments, found, strict=True):
            if is_enough(c) or c.outside().any():
                done.append(c)
            elif stop - start > 1:
                narrower += in_two(start, stop)
            else:
                done.append(_of_one(ground, c, wanted))
        segments = narrower
    return done, known, is_whole


def _of_one(ground: Ground, c: Comparison, wanted: float) -> Comparison:
    """Look again at an entry of which little is seen: by other steps, or as at a kink that is nearer than these.

    They may leave what f is near the point, and contradict nothing.
    """
    probe, best = Probe(c.probe.leaf, coordinate=c.probe.start), c
    for stretch, may_bend in (*[(stretch, False) for stretch in STRETCHES], (1.0, True)):
        other = at_two_steps(ground, probe, stretch, may_bend)
        if not other.outside().any() and _bar(other) < _bar(best):
            best = other
        if _bar(best) <= wanted:
            break
    return best


def _bar(c: Comparison) -> float:
    return float(c.real_tolerance.max()) / c.unit


def _looked(ground: Ground, known: Known, probes: list[Probe]) -> list[Comparison]:
    """Compare at two steps, and at more what these contradict."""
    found = [at_two_steps(ground, probe) for probe in probes]
    return laddered(ground, known, found, _odd(found), WIDE)


def _at_length(ground: Ground, known: Known, comparisons: list[Comparison], rng: np.random.Generator) -> Compared:
    """Compare at length what is contradicted, few by few, until all of these are confirmed."""
    found, odd = list(comparisons), _odd(comparisons)
    while odd:
        few, odd = odd[:TOGETHER], odd[TOGETHER:]
        again, known = measured(ground, known, [found[i].probe for i in few], [True] * len(few), rng)
        for i, c in zip(few, again, strict=True):
            found[i] = c
        if all(c.outside().any() for c in again):
            break
    return found, known


def _odd(comparisons: list[Comparison]) -> list[int]:
    return [i for i, c in enumerate(comparisons) if _is_odd(c)]


def _is_odd(c: Comparison) -> bool:
    return not c.resolved or bool(c.outside().any())
