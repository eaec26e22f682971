"""When two cotangents are the same but for rounding: as much as roundings are measured to make."""

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.numeric.points import jittered
from gradcheck.numeric.scales import scale
from gradcheck.subjects.problem import flat

if TYPE_CHECKING:
    from gradcheck.contract.examine import Contract

REPEATS, MARGIN = 4, 16  # of inputs a few roundings away, and of the largest change that they make
JUMP = 1e-3  # of the largest entry
CANCELLED = 2.0**40  # roundings of the numbers in sight, beyond which a change of y is a jump


def near(a: Any, b: Any, slack: float | np.ndarray) -> bool:
    """Whether two arrays differ by at most `slack` everywhere."""
    if np.isnan(slack).any():
        return True  # made of numbers that are not finite, which is a finding of its own
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool((np.abs(a - b) <= slack).all() or np.array_equal(a, b, equal_nan=True))


def measure_noise(c: "Contract") -> float:
    """Return what roundings make of y: its own, or more where terms cancel and leave theirs."""
    eps = max(float(np.finfo(x.dtype).eps) for x in c.point)
    own = float(np.abs(c.y).max(initial=0))
    most = CANCELLED * eps * max(1.0, own, *(float(np.abs(x).max(initial=0)) for x in c.point))
    change = 0.0
    for _ in range(1 if c.large else REPEATS):
        moved = zip(jittered(c.point, c.rng, eps), c.point, strict=True)
        y = c.problem.attempt([x.astype(kept.dtype) for x, kept in moved], c.y.size)
        change = max(change, float(np.abs(np.nan_to_num(y - c.y, nan=0.0)).max(initial=0)))
    return max(c.u * own, min(change, most))


def rounding(c: "Contract", leaf: str) -> float:
    """Allow for terms that cancel: as the cotangent changes with dy by a rounding, or as y dy / x rounds."""
    return 1024 * c.jitter[leaf] + cancelled(c, leaf)


def cancelled(c: "Contract", leaf: str) -> float:
    """Allow for the roundings of terms as large as y dy / x, or as any cotangent."""
    largest = max((float(np.abs(e).max(initial=0)) for e in c.one), default=0.0)
    return 64 * max(natural(c, leaf), c.u * largest)


def natural(c: "Contract", leaf: str) -> float:
    """Return what roundings make of a cotangent whose terms cancel as those of y do: that of y, times dy / x."""
    if leaf not in c.scales:
        c.scales[leaf] = scale(next(x.value for x in c.problem.leaves if x.name == leaf))
    return c.noise * float(np.abs(c.g).max(initial=0)) / c.scales[leaf]


def sensitivity(c: "Contract") -> list[float]:
    """Return what the output and each cotangent may owe to roundings of the inputs, as those of a sum in another order.

    A mean of numbers far from zero but near each other carries many.  A change far above is none: a kink was crossed.
    """
    sizes = [x / c.u for x in (c.noise, *(natural(c, leaf.name) for leaf in c.problem.leaves))]
    changes = []
    for _ in range(REPEATS):
        near_by = zip(jittered(c.point, c.rng, c.u), c.point, strict=True)
        out, pullback = c.problem.vjp([x.astype(kept.dtype) for x, kept in near_by])
        pairs = zip([c.y, *c.one], [flat(out), *c.pull(out, pullback, c.g[0])], sizes, strict=True)
        changes.append([_change(*pair) for pair in pairs])
    return [MARGIN * change for change in np.max(changes, axis=0)]


def _change(a: np.ndarray, b: np.ndarray, size: float) -> float:
    change = float(np.abs(a - b).max(initial=0))
    return change if change <= JUMP * max(float(np.abs(a).max(initial=0)), size) else 0.0
