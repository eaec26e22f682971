"""Claims at the very point that was given, of an array too large to difference every entry.

Along a dense direction there one comparison speaks for all entries, unless some lie at a kink: then the left and
the right slopes differ, halving finds the entries, each is compared alone and held while the others move again.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import scale
from gradcheck.verdict.compare import Comparer
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.locate import halved
from gradcheck.verdict.plan import SUSPECTS, tied

Compare = Callable[[list[Probe], list[bool]], list[Comparison]]
ROUNDS = 3  # of halving and holding
FEW = 32  # zeros and ties, which may all be compared alone
RESIDUE = 2.0**-20  # of the scale: nearer to zero than steps can tell
WIDEST = 8  # unsettled segments at one depth: of more kinks than that a sample will do


def compare_at_given(
    comparer: Comparer, compare: Compare, leaf: int, first: list[Comparison], rng: np.random.Generator
) -> tuple[list[Comparison], bool]:
    """Return what to file for one array, given its first comparisons, and whether every entry took part.

    `compare` compares along probes at that point.  A contradiction that no entry shows is filed only where the
    complex step confirms it.
    """
    if all(map(settled, first)):
        return first, True
    x = comparer.place.point[leaf]
    suspects = np.flatnonzero((np.abs(x) <= RESIDUE * scale(x)) | tied(x))
    chosen = suspects if suspects.size <= FEW else np.sort(rng.choice(suspects, SUSPECTS, replace=False))
    found, complete, held = _alone(compare, leaf, chosen), suspects.size <= FEW, set(suspects.tolist())
    if held:
        first = _again(compare, first, suspects)
        if all(map(settled, first)):
            return found + first, complete
    for _ in range(ROUNDS):
        probe = next(c.probe for c in first if not settled(c))
        entries, all_of_them = halved(comparer, probe, x.size, unsettled_by, WIDEST, real=True)
        complete &= all_of_them
        new = [i for i in entries if i not in held]
        if not new:
            break
        found += _alone(compare, leaf, np.array(new))
        held |= set(new)
        first = _again(compare, first, np.array(sorted(held)))
        if all(map(settled, first)):
            return found + first, complete
    return found + [c for c in first if settled(c) or c.is_plain()], False


def settled(c: Comparison) -> bool:
    """Whether claim and number agree along a direction without a kink."""
    return unsettled_by(c) == 0


def unsettled_by(c: Comparison) -> float:
    """Return 0 where a comparison is settled; else how plainly it is not."""
    if c.real is not None and not c.resolved:
        return 1.0
    nearest = c.claimed if c.real is None else np.clip(c.claimed, c.real.low, c.real.high)
    with np.errstate(all="ignore"):
        excess = float(np.nan_to_num(np.abs(c.claimed - nearest) / c.real_tolerance, nan=np.inf).max())
    odd = c.kink.any() or c.outside().any() or c.exact_outside().any() or c.exact_contradicts_real().any()
    return 1.0 + excess if odd else 0.0


def _alone(compare: Compare, leaf: int, entries: np.ndarray) -> list[Comparison]:
    units = [Probe(leaf, coordinate=int(i)) for i in entries]
    return compare(units, [True] * len(units)) if units else []


def _again(compare: Compare, first: list[Comparison], held: np.ndarray) -> list[Comparison]:
    """Return the same directions without some entries."""
    probes = [dataclasses.replace(c.probe, held=tuple(held.tolist())) for c in first]
    return compare(probes, [True] * len(probes))
