"""How differences converge, to show it: those that the check has made anyway.  It decides nothing."""

import numpy as np

from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.conclude import numeric
from gradcheck.verdict.facts import Gradient, Ladder


def convergence(gradient: Gradient, comparisons: list[Comparison], believed: bool) -> Ladder | None:
    """Return the differences at the worst entry of a failing array, along a direction of another."""
    found = [c for c in comparisons if c.sweep is not None]
    if gradient.verdict == "fail" and gradient.wrong and gradient.worst_index is not None:
        worst = int(np.ravel_multi_index(gradient.worst_index, gradient.shape))
        found = [c for c in found if c.probe.coordinate == worst] or found
    else:
        found = [c for c in found if c.probe.coordinate is None] or found
    if gradient.verdict == "fail":
        found.sort(key=lambda c: -float(_excess(c, believed).max()))
    return _ladder(found[0], gradient, believed) if found else None


def _excess(c: Comparison, believed: bool) -> np.ndarray:
    """Return by how many bars of real differences the claim is off (G,)."""
    with np.errstate(all="ignore"):
        bars = np.nan_to_num(np.abs(c.claimed - numeric(c, believed)) / c.real_tolerance, posinf=np.inf)
    return np.where(np.isnan(c.claimed), np.inf, bars)


def _ladder(c: Comparison, gradient: Gradient, believed: bool) -> Ladder | None:
    if c.sweep is None or c.bounds is None or c.real is None:
        return None
    best = numeric(c, believed)
    k = int(np.argmax(_excess(c, believed)))
    index, unit, moves = None, 1.0, gradient.name if c.probe.leaf is not None else "all arrays together"
    moves += " (equal entries alike)" if c.probe.by_value else ""
    if c.probe.coordinate is not None:
        index = tuple(int(i) for i in np.unravel_index(c.probe.coordinate, gradient.shape))
        unit = c.unit

    def column(x: np.ndarray) -> tuple[float, ...]:
        return tuple(x[:, k].tolist())

    return Ladder(
        index,
        moves,
        steps=column(c.sweep.steps * unit),
        central=column(c.sweep.central / unit),
        right=column(c.sweep.right / unit),
        noise=column(c.bounds),
        claimed=float(c.claimed[k] / unit),
        numeric=float(best[k] / unit),
        bar=float(c.real_tolerance[k] / unit),
    )
