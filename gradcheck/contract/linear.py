"""A pullback is linear in dy: it scales over the whole range of the dtype, and adds up however dy is taken apart."""

from collections.abc import Collection, Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding, near, of_sums, smallest
from gradcheck.contract.parts import parts
from gradcheck.contract.reach import reach
from gradcheck.contract.sizes import lost_beside_larger
from gradcheck.precision.terms import MARGIN
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import entry

POWER = -(2.0**10)  # scaling by it commutes with rounding
LEAST = 2.0  # where a gradient times that would leave the range of float16


def is_linear(call: Call, rounding: Rounding, rng: np.random.Generator) -> Iterator[Finding]:
    """Yield where a multiple of dy, or a sum, gives another cotangent than the multiple or the sum."""
    if not call.g.size:
        yield from _of_nothing(call)
        return
    power, scaled = _in_sight(call)
    yield from _scales(call, rounding, power, scaled)
    pairs = call.pairs([power * d for d in call.first], scaled)
    exact = {leaf for leaf, a, b in pairs if a.any() and np.array_equal(a, b)}  # what is nothing shows no roundings

    def holds(leaf: str, a: np.ndarray, b: np.ndarray, power: float) -> bool:
        return _is_scaled(call, rounding, leaf, a, b, 0.0 if leaf in exact else power)

    far = reach(call, rounding, holds)
    for power, scaled in far.held() if far is not None else ():
        yield from _scales(call, rounding, power, scaled, exact)
    if not call.large:
        yield from _is_odd(call, rounding, exact)
        for leaf, a, b in call.pairs(call.first, call.pull(0 * call.g[0])):
            if not near(0 * a, b, 0.0):
                message = f"the cotangent of {leaf} is not linear in dy: B(0) is not 0"
                yield Finding("homogeneous", message, array=leaf)
    for pieces, words in parts(call, rng):
        yield from _adds(call, rounding, [call.pull(piece) for piece in pieces], words)
    for leaf, where in lost_beside_larger(call, rounding):
        words = f"what is small in it is lost beside what is larger, at the first entries of {where}"
        yield Finding("additive", f"the cotangent of {leaf} is not linear in dy: {words}", array=leaf)


def _of_nothing(call: Call) -> Iterator[Finding]:
    """Yield where a dy without entries, which is a multiple of itself, gives something."""
    for leaf, d in call.pairs(call.first):
        if d.any():
            bad = int(np.flatnonzero(d)[0])
            message = f"the cotangent of {leaf} must be zero where the output has no entry"
            at = f"{d.flat[bad]} at {entry([(leaf, d.shape)], bad)}"
            yield Finding("homogeneous", f"{message}, got {at}", array=leaf)


def _in_sight(call: Call) -> tuple[float, list]:
    """Return a power and B(power dy): a small one where a narrow format has no numbers so large."""
    scaled = call.pull(POWER * call.g[0])
    if all(np.isfinite(d).all() for d in scaled):
        return POWER, scaled
    return -LEAST, call.pull(-LEAST * call.g[0])


def _scales(
    call: Call, rounding: Rounding, power: float, scaled: list, exact: Collection[str] = ()
) -> Iterator[Finding]:
    """`exact`: arrays whose cotangents other powers scale to the last bit, so that roundings explain nothing."""
    for leaf, a, b in call.pairs([power * d for d in call.first], scaled):
        if not _is_scaled(call, rounding, leaf, a, b, 0.0 if leaf in exact else abs(power)):
            message = f"the cotangent of {leaf} is not linear in dy: B({power:g} dy) is not {power:g} B(dy)"
            yield Finding("homogeneous", message, array=leaf)


def _is_odd(call: Call, rounding: Rounding, exact: Collection[str]) -> Iterator[Finding]:
    """Yield where a dy above zero everywhere gives something else than its opposite does: no other dy asks that.

    No narrow format inside excuses it in `exact` arrays: what is rounded there is rounded alike to both sides.
    """
    above, below = call.pull(np.abs(call.g[0])), call.pull(-np.abs(call.g[0]))
    for leaf, a, b in call.pairs([-d for d in above], below):
        is_alike = near(a, b, rounding.of(leaf) + smallest(call, leaf))
        if not (is_alike or (leaf not in exact and _is_scaled(call, rounding, leaf, a, b, 1.0))):
            message = f"the cotangent of {leaf} is not linear in dy: B(-dy) is not -B(dy) where dy is above zero"
            yield Finding("homogeneous", message, array=leaf)


def _is_scaled(call: Call, rounding: Rounding, leaf: str, a: np.ndarray, b: np.ndarray, power: float) -> bool:
    """Equality is expected; the slack is for subnormal numbers and sums in another order."""
    part, least = of_sums(_unit(call, rounding, leaf)), max(1.0, power) * smallest(call, leaf)
    return near(a, b, part * np.abs(a).max(initial=0) + power * rounding.of(leaf) + least)


def _adds(call: Call, rounding: Rounding, pieces: list[list], words: str) -> Iterator[Finding]:
    for i, (leaf, total, *given) in enumerate(call.pairs(call.first, *pieces)):
        summands = [np.asarray(d, np.float64) for d in given]
        size, u = sum(np.abs(d).max(initial=0) for d in summands), _unit(call, rounding, leaf)
        found = np.sum(summands, axis=0)
        adds = near(found, total, of_sums(u) * size + rounding.of(leaf) + smallest(call, leaf))
        if not adds and not near(found, total, MARGIN * u * call.terms(i)):
            yield Finding("additive", f"the cotangent of {leaf} is not linear in dy: {words}", array=leaf)


def _unit(call: Call, rounding: Rounding, leaf: str) -> float:
    """Return the roundoff of the format through which dy goes on its way to a cotangent."""
    return max(call.u, rounding.narrow.get(leaf, 0.0))
