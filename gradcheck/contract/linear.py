"""A pullback is linear in dy: it scales over the whole range of the dtype, and adds up however dy is taken apart."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.contract.likeness import near, rounding
from gradcheck.numeric.noise import UNIT
from gradcheck.numeric.points import jittered
from gradcheck.precision.terms import MARGIN as TERMS
from gradcheck.precision.terms import terms
from gradcheck.subjects.problem import output_names, representable

if TYPE_CHECKING:
    from gradcheck.contract.examine import Contract

POWERS = (-1.0, 2.0, 2.0**10, 2.0**-12)  # scaling by these commutes with rounding
ROOM = 64  # powers of two, at most a quarter of all, between the numbers in sight and the ends of the range
SINGLE = 2  # entries of dy that are tried alone
JITTERS = 4
SUMMED = 1e4  # roundings that a sum in another order may make
COARSEST = 2.0**-5  # of the largest entry: float16 has no more than its 2^-11
BELOW = 2.0**-19  # of a narrow format's roundings: changes of dy that it cannot show
STILL = 0.5  # of a cotangent's entries


def measure_rounding(c: "Contract") -> None:
    """Note by how much the cotangent of each array changes when dy does by a few roundings.

    Where dy goes through a narrower format inside, changes far below that format's roundings leave most of a
    cotangent as it is.
    """
    for _ in range(1 if c.large else JITTERS):
        for leaf, a, b in c.pairs(c.one, c.pull(c.out, c.pullback, jittered([c.g[0]], c.rng, c.u)[0])):
            c.jitter[leaf] = max(c.jitter.get(leaf, 0.0), float(np.abs(a - b).max(initial=0)))
    for dtype in (np.float32, np.float16):
        moved = c.g[:1] * (1 + BELOW * UNIT[np.dtype(dtype)] * c.rng.uniform(-1, 1, c.g[:1].shape))
        if not moved.size or np.mean(representable(c.out, moved) == c.g[:1]) > STILL:
            return  # dy itself has no room for such changes
        for leaf, a, b in c.pairs(c.one, c.pull(c.out, c.pullback, moved[0])):
            moving = a != 0
            if moving.any() and np.mean(np.asarray(b)[moving] == a[moving]) > STILL:
                c.narrow[leaf] = 2 * UNIT[np.dtype(dtype)]


def is_linear(c: "Contract") -> None:
    for power in (-2.0,) if c.large else POWERS:
        _expect_scaled(c, power, c.pull(c.out, c.pullback, power * c.g[0]))
    for power in _extremes(c):
        _expect_scaled(c, *_in_range(c, power))
    if not c.large:
        for leaf, a, b in c.pairs(c.one, c.pull(c.out, c.pullback, 0 * c.g[0])):
            if not near(0 * a, b, 0.0):
                c.fail("homogeneous", f"the cotangent of {leaf} is not linear in dy: B(0) is not 0", leaf)
    _adds(c, c.one, c.two, c.g[0] + c.g[1], "B(a + b) is not B(a) + B(b)")
    for part, words in _parts(c):
        one, other = (c.pull(c.out, c.pullback, piece) for piece in (part, c.g[0] - part))
        _adds(c, one, other, c.g[0], words)


def _extremes(c: "Contract") -> list[float]:
    """Return the largest and the smallest power of two that leave room to all the numbers in sight."""
    coarsest = max([c.u, *c.narrow.values()])
    wider = (dtype for dtype in (np.float64, np.float32) if float(np.finfo(dtype).eps) >= coarsest)
    info = np.finfo(next(wider, np.float16))
    arrays = [np.abs(np.asarray(x, np.float64)) for x in (c.g[0], c.y, *c.one, *c.point)]
    tops = [top for x in arrays if 0 < (top := float(x.max(initial=0))) < np.inf]
    if not tops:
        return []
    room = min(ROOM, info.maxexp // 4)
    up = int(info.maxexp - room - np.log2(max(tops)))
    down = int(info.minexp + room - np.log2(min(tops)))
    return [2.0**up] * (up > 1) + [2.0**down] * (down < -1)


def _in_range(c: "Contract", power: float) -> tuple[float, list]:
    """Return a power and B(power dy): its root where numbers inside leave the range of the dtype.

    Products of dy with other numbers may overflow or vanish near the ends of the range, but not in its middle.
    """
    scaled = c.pull(c.out, c.pullback, power * c.g[0])
    finite = all(np.isfinite(d).all() for d in scaled)
    if finite and (power > 1 or all(_is_scaled(c, *row, power) for row in c.pairs([power * d for d in c.one], scaled))):
        return power, scaled
    power = 2.0 ** int(np.log2(power) / 2)
    return power, c.pull(c.out, c.pullback, power * c.g[0])


def _expect_scaled(c: "Contract", power: float, scaled: list) -> None:
    for leaf, a, b in c.pairs([power * d for d in c.one], scaled):
        if not _is_scaled(c, leaf, a, b, abs(power)):
            message = f"the cotangent of {leaf} is not linear in dy: B({power:g} dy) is not {power:g} B(dy)"
            c.fail("homogeneous", message, leaf)


def _is_scaled(c: "Contract", leaf: str, a: np.ndarray, b: np.ndarray, power: float) -> bool:
    """Equality is expected; the slack is for subnormal products and sums in another order."""
    return near(a, b, min(_unit(c, leaf) * 2**13, COARSEST) * np.abs(a).max(initial=0) + power * rounding(c, leaf))


def _parts(c: "Contract") -> Iterator[tuple[np.ndarray, str]]:
    """Yield parts of dy: half of its entries, one alone, equal ones, those at one end of an axis or in one output.

    The rest of dy is the other part, so that every pattern is tried with zeros inside and outside.
    """
    g = c.g[0]
    if g.size < 2:
        return
    half = c.rng.permutation(g.size) < g.size // 2
    yield np.where(half, g, 0), "B(dy) is not the sum of what two halves of dy's entries give, the others being 0"
    for k in c.rng.permutation(g.size)[: 1 if c.large else SINGLE]:
        for sign in (-1, 1):
            alone = np.where(np.arange(g.size) == k, sign * np.abs(g), 0)
            yield alone, f"B(dy) is not what entry {k} of dy gives alone and the others without it"
    if not c.large:
        yield np.ones_like(g), "B(dy) is not what a dy of ones gives and the rest of it"
        for part, where in _ends(c):
            yield np.where(part, g, 0), f"B(dy) is not what {where} of dy gives alone and the rest without it"


def _ends(c: "Contract") -> Iterator[tuple[np.ndarray, str]]:
    """Yield which entries of dy lie in one output alone, in the first of an axis of one, or in its first half."""
    start = 0
    shapes = output_names(c.out)
    for name, shape in shapes:
        size = int(np.prod(shape))
        whole = [(np.ones(shape, bool), name)] if len(shapes) > 1 else []
        for place, where in (*whole, *_starts(shape)):
            part = np.zeros(c.g[0].size, bool)
            part[start : start + size] = place.ravel()
            yield part, where
        start += size


def _starts(shape: tuple[int, ...]) -> Iterator[tuple[np.ndarray, str]]:
    for axis, length in enumerate(shape):
        index = np.arange(length).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        for count in dict.fromkeys((1, length // 2, length - 1)):
            if 0 < count < length:
                yield np.broadcast_to(index < count, shape), f"the first {count} along axis {axis}"


def _adds(c: "Contract", one: list, other: list, whole: np.ndarray, words: str) -> None:
    both = c.pull(c.out, c.pullback, whole)
    for i, ((leaf, a, b), total) in enumerate(zip(c.pairs(one, other), both, strict=True)):
        a, b, u = np.asarray(a, np.float64), np.asarray(b, np.float64), _unit(c, leaf)
        size = np.abs(a).max(initial=0) + np.abs(b).max(initial=0)
        adds = near(a + b, total, min(SUMMED * u, COARSEST) * size + rounding(c, leaf))
        if not adds and not near(a + b, total, TERMS * u * terms(c.problem, c.point, i, c.y)):
            c.fail("additive", f"the cotangent of {leaf} is not linear in dy: {words}", leaf)


def _unit(c: "Contract", leaf: str) -> float:
    """Return the roundoff of the format through which dy goes on its way to a cotangent."""
    return max(c.u, c.narrow.get(leaf, 0.0))
