"""The slopes of every output along one direction, read from a sweep."""

import dataclasses

import numpy as np

from gradcheck.numeric import noise
from gradcheck.numeric.constants import FLOOR, NARROW, TINY, WIDE, U
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.kinks import one_sided, where_still
from gradcheck.numeric.ladder import Sweep, part
from gradcheck.numeric.probe import Along
from gradcheck.numeric.scales import root_sum_square


@dataclasses.dataclass(frozen=True)
class Spot:
    """A point (a list of arrays) and what is known of f there, for each output (m,)."""

    point: list[np.ndarray]
    y: np.ndarray
    roundoff: np.ndarray  # of the format that it is handed out in
    grain: np.ndarray  # the size of the numbers that it is rounded like, 0 where that is its own
    exact: bool  # whether f takes complex numbers

    def reach(self, probe: Along) -> float:
        """Return how long the entries that move are beside the direction in which they do."""
        pairs = [(self.point[i][d != 0], d[d != 0]) for i, d in probe.direction(self.point).items()]
        x, d = (root_sum_square(np.concatenate([np.zeros(1), *part])) for part in zip(*pairs, strict=True))
        return float(x / d) if d else 0.0


@dataclasses.dataclass(frozen=True)
class Slopes:
    """For every output (m,) the derivative, `bar` for its error (inf: no estimate), and the one-sided derivatives."""

    value: np.ndarray
    bar: np.ndarray
    right: np.ndarray
    left: np.ndarray
    kink: np.ndarray
    jump: np.ndarray
    doubt: np.ndarray  # whether more steps are worth it: nothing is resolved, or little, or there is a kink
    coarse: np.ndarray  # whether steps of another size are

    @property
    def resolved(self) -> np.ndarray:
        return np.isfinite(self.bar)


FIELDS = [field.name for field in dataclasses.fields(Slopes)]


def read(swept: Sweep, spot: Spot, level: np.ndarray, probe: Along) -> Slopes:
    """Return what a sweep says of every output, each from the first level on from which it is finite itself.

    `level` (m,) is the noise of f as a part of it, and `probe` what was swept along.
    """
    bounds = noise.bound(swept, level, U)
    bad = ~(np.isfinite(swept.right) & np.isfinite(swept.left))
    first = np.where(bad, np.arange(1, len(bad) + 1)[:, None], 0).max(axis=0, initial=0)
    groups = [np.flatnonzero(first == k) for k in np.unique(first)]
    reach = spot.reach(probe)
    parts = [
        _alike(part(swept, c, first[c[0]]), bounds[first[c[0]] :, c], level[c], spot.y[c], reach, probe.unit)
        for c in groups
    ]
    order = np.argsort(np.concatenate(groups))
    return Slopes(*(np.concatenate([getattr(slopes, name) for slopes in parts])[order] for name in FIELDS))


def chosen(which: np.ndarray, a: Slopes, b: Slopes) -> Slopes:
    """Return the slopes of a where `which` says so, and of b elsewhere."""
    return Slopes(*(np.where(which, getattr(a, name), getattr(b, name)) for name in FIELDS))


def nothing(slopes: Slopes) -> Slopes:
    """Return the same without any claim."""
    no = np.full(len(slopes.value), np.nan)
    return dataclasses.replace(slopes, value=no, bar=np.full(len(no), np.inf), right=no, left=no)


def improved(old: Slopes, new: Slopes, finer: bool) -> np.ndarray:
    """Return where a look with steps of another size is to be believed instead.

    Finer steps overrule coarser ones; coarser ones may only sharpen what they confirm.
    """
    if finer:
        return old.coarse & new.resolved & (~old.resolved | old.kink | (new.bar < old.bar))
    agrees = ~old.resolved | (np.abs(new.value - old.value) <= old.bar + new.bar)
    return old.coarse & new.resolved & ~new.kink & ~old.kink & ~old.jump & agrees & ~(new.bar >= old.bar)


def _alike(
    swept: Sweep, bounds: np.ndarray, level: np.ndarray, y: np.ndarray, reach: float, unit: float
) -> Slopes:
    """Read outputs that are finite at every step."""
    found = estimate(swept, bounds, np.maximum(U, np.minimum(level, NARROW)))
    hidden = 4 * U * np.maximum(np.abs(y), 1) / swept.steps.max(axis=0, initial=TINY)
    found = where_still(found, np.ones(len(y)), bounds, hidden, swept.steps, np.zeros_like(bounds))
    value, right, left = (found.value,) * 3
    if found.kink.any():
        ahead, behind, _ = one_sided(swept.steps, swept.right, swept.left, bounds)
        right, left = np.where(found.kink, ahead, value), np.where(found.kink, behind, value)
        value = (right + left) / 2
    sides = np.maximum(np.abs(swept.right), np.abs(swept.left)).max(axis=0, initial=0)
    bend = np.median(np.abs(swept.right - swept.left) / swept.steps, axis=0) if len(swept.steps) else sides
    bar = found.bar + 4 * U * (sides + reach * bend)  # roundings: of what cancels between both sides, and of x inside f
    size = np.maximum(np.abs(value), FLOOR * np.abs(y))
    doubt = ~(bar <= WIDE * size) | found.kink
    moves = (swept.weight > 0).any(axis=0)
    coarse = ~(bar <= WIDE * np.where(moves, np.abs(value), unit * np.maximum(np.abs(y), 1))) | found.kink
    return Slopes(value / unit, bar / unit, right / unit, left / unit, found.kink, found.jump, doubt, coarse)
