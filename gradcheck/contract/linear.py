"""A pullback is linear in dy: it scales over the whole range of the dtype, and adds up however dy is taken apart."""

from collections.abc import Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding, near, of_sums
from gradcheck.contract.parts import parts
from gradcheck.precision.terms import MARGIN
from gradcheck.subjects.findings import Finding

POWERS = (-(2.0**10), 2.0**-12)  # scaling by these commutes with rounding
LEAST = 2.0  # where a gradient times the first would leave the range of float16
ROOM = 64  # powers of two, at most a quarter of all, between the numbers in sight and the ends of the range


def is_linear(call: Call, rounding: Rounding, rng: np.random.Generator) -> Iterator[Finding]:
    """Yield where a multiple of dy, or a sum, gives another cotangent than the multiple or the sum."""
    for power in POWERS[:1] if call.large else POWERS:
        yield from _scales(call, rounding, *_in_sight(call, power))
    for power in _extremes(call, rounding):
        yield from _scales(call, rounding, *_in_range(call, rounding, power))
    if not call.large:
        for leaf, a, b in call.pairs(call.first, call.pull(0 * call.g[0])):
            if not near(0 * a, b, 0.0):
                message = f"the cotangent of {leaf} is not linear in dy: B(0) is not 0"
                yield Finding("homogeneous", message, array=leaf)
    for pieces, words in parts(call, rng):
        yield from _adds(call, rounding, [call.pull(piece) for piece in pieces], words)


def _in_sight(call: Call, power: float) -> tuple[float, list]:
    """Return a power and B(power dy): a small one where a narrow format has no numbers so large."""
    scaled = call.pull(power * call.g[0])
    if abs(power) <= LEAST or all(np.isfinite(d).all() for d in scaled):
        return power, scaled
    return -LEAST, call.pull(-LEAST * call.g[0])


def _extremes(call: Call, rounding: Rounding) -> list[float]:
    """Return the largest and the smallest power of two that leave room to all the numbers in sight."""
    coarsest = max([call.u, *rounding.narrow.values()])
    wider = (dtype for dtype in (np.float64, np.float32) if float(np.finfo(dtype).eps) >= coarsest)
    info = np.finfo(next(wider, np.float16))
    arrays = [np.abs(np.asarray(x, np.float64)) for x in (call.g[0], call.y, *call.first, *call.point)]
    tops = [top for x in arrays if 0 < (top := float(x.max(initial=0))) < np.inf]
    if not tops:
        return []
    room = min(ROOM, info.maxexp // 4)
    up = int(info.maxexp - room - np.log2(max(tops)))
    down = int(info.minexp + room - np.log2(min(tops)))
    return [2.0**up] * (up > 1) + [2.0**down] * (down < -1)


def _in_range(call: Call, rounding: Rounding, power: float) -> tuple[float, list]:
    """Return a power and B(power dy): its root where numbers inside leave the range of the dtype.

    Products of dy with other numbers may overflow or vanish near the ends of the range, but not in its middle.
    """
    scaled = call.pull(power * call.g[0])
    rows = call.pairs([power * d for d in call.first], scaled)
    finite = all(np.isfinite(d).all() for d in scaled)
    if finite and (power > 1 or all(_is_scaled(call, rounding, leaf, a, b, power) for leaf, a, b in rows)):
        return power, scaled
    power = 2.0 ** int(np.log2(power) / 2)
    return power, call.pull(power * call.g[0])


def _scales(call: Call, rounding: Rounding, power: float, scaled: list) -> Iterator[Finding]:
    for leaf, a, b in call.pairs([power * d for d in call.first], scaled):
        if not _is_scaled(call, rounding, leaf, a, b, abs(power)):
            message = f"the cotangent of {leaf} is not linear in dy: B({power:g} dy) is not {power:g} B(dy)"
            yield Finding("homogeneous", message, array=leaf)


def _is_scaled(call: Call, rounding: Rounding, leaf: str, a: np.ndarray, b: np.ndarray, power: float) -> bool:
    """Equality is expected; the slack is for subnormal products and sums in another order."""
    part = of_sums(_unit(call, rounding, leaf))
    return near(a, b, part * np.abs(a).max(initial=0) + power * rounding.of(leaf))


def _adds(call: Call, rounding: Rounding, pieces: list[list], words: str) -> Iterator[Finding]:
    for i, (leaf, total, *given) in enumerate(call.pairs(call.first, *pieces)):
        summands = [np.asarray(d, np.float64) for d in given]
        size, u = sum(np.abs(d).max(initial=0) for d in summands), _unit(call, rounding, leaf)
        found = np.sum(summands, axis=0)
        adds = near(found, total, of_sums(u) * size + rounding.of(leaf))
        if not adds and not near(found, total, MARGIN * u * call.terms(i)):
            yield Finding("additive", f"the cotangent of {leaf} is not linear in dy: {words}", array=leaf)


def _unit(call: Call, rounding: Rounding, leaf: str) -> float:
    """Return the roundoff of the format through which dy goes on its way to a cotangent."""
    return max(call.u, rounding.narrow.get(leaf, 0.0))
