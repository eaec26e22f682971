"""How a pullback must behave when it is called again: repeatable, linear, indifferent to memory layout."""

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import saturation, trees
from gradcheck.complexstep import jittered
from gradcheck.layouts import LAYOUTS
from gradcheck.points import scale
from gradcheck.problem import flat, like

if TYPE_CHECKING:
    from gradcheck.contract import Contract

REPEATS, MARGIN = 4, 16  # of inputs a few roundings away, and of the largest change that they make
JUMP = 1e-3  # of the largest entry
POWERS = (-1.0, 2.0, 2.0**10, 2.0**-12)  # scaling by these commutes with rounding


def keeps_results(c: "Contract") -> None:
    """A later call changes no earlier result, and another forward pass between changes nothing."""
    c.two = [np.array(d, np.float64) for d in c.pull(c.out, c.pullback, c.g[1])]
    for leaf, kept, now in c.pairs(c.one, c.raw):
        if not np.array_equal(kept, now, equal_nan=True):
            c.fail("alias", f"a later call of the pullback changes the cotangent of {leaf} it returned", leaf)
    y = flat(c.out).copy()
    with contextlib.suppress(Exception):  # this other point may lie outside the domain
        c.problem.vjp([(1.25 * x).astype(x.dtype) for x in c.point])
    if not np.array_equal(flat(c.out), y, equal_nan=True):
        c.fail("alias", "a later forward pass changes the output that an earlier one returned")
    again = c.pull(c.out, c.pullback, c.g[0])
    if all(np.array_equal(a, b, equal_nan=True) for a, b in zip(c.one, again, strict=True)):
        return
    out, pullback = c.problem.vjp(c.point)
    first = [np.array(d) for d in c.pull(out, pullback, c.g[0])]
    second = c.pull(out, pullback, c.g[0])
    for leaf, a, b in c.pairs(first, second):
        if not np.array_equal(a, b, equal_nan=True):
            c.fail("repeat", f"called twice with one dy, the pullback gives two cotangents of {leaf}", leaf)
    for leaf, a, b in c.pairs(c.one, again):
        if not np.array_equal(a, b, equal_nan=True) and not any(f.kind == "repeat" for f in c.findings):
            message = f"after another forward pass the pullback gives another cotangent of {leaf} (stale residuals)"
            c.fail("stale", message, leaf)


def is_linear(c: "Contract") -> None:
    c.jitter = dict.fromkeys((leaf.name for leaf in c.problem.leaves), 0.0)
    for _ in range(1 if c.large else 4):
        nearby = c.pull(c.out, c.pullback, jittered([c.g[0]], c.rng, c.u)[0])
        for leaf, a, b in c.pairs(c.one, nearby):
            c.jitter[leaf] = max(c.jitter[leaf], float(np.abs(a - b).max(initial=0)))
    narrow = c.u > 1e-5  # float16 overflows
    for power in (-2.0,) if c.large or narrow else POWERS:
        scaled = c.pull(c.out, c.pullback, power * c.g[0])
        for leaf, a, b in c.pairs([power * d for d in c.one], scaled):
            # equality is expected; the slack is for subnormal products and sums in another order
            if not near(a, b, c.u * 2**13 * np.abs(a).max(initial=0) + abs(power) * _rounding(c, leaf)):
                message = f"the cotangent of {leaf} is not linear in dy: B({power:g} dy) is not {power:g} B(dy)"
                c.fail("homogeneous", message, leaf)
    if not c.large:
        for leaf, a, b in c.pairs(c.one, c.pull(c.out, c.pullback, 0 * c.g[0])):
            if not near(0 * a, b, 0.0):
                c.fail("homogeneous", f"the cotangent of {leaf} is not linear in dy: B(0) is not 0", leaf)
    both = c.pull(c.out, c.pullback, c.g[0] + c.g[1])
    for i, ((leaf, a, b), total) in enumerate(zip(c.pairs(c.one, c.two), both, strict=True)):
        size = np.abs(a).max(initial=0) + np.abs(b).max(initial=0)
        adds = near(a + b, total, 1e4 * c.u * size + _rounding(c, leaf))
        if not adds and not near(a + b, total, saturation.MARGIN * c.u * saturation.terms(c.problem, c.point, i, c.y)):
            c.fail("additive", f"the cotangent of {leaf} is not linear in dy: B(a + b) is not B(a) + B(b)", leaf)


def takes_any_layout(c: "Contract") -> None:
    """Strided, Fortran-ordered and broadcast arrays hold the same numbers and get the same answer."""
    model = like(c.out, c.g[0], c.problem.protect)  # the output's structure, with arrays in place of numbers
    pieces = [x for _, x in trees.leaves(model)]
    for layout, rearrange in list(LAYOUTS.items())[: 1 if c.large else None]:
        out, pullback = c.problem.vjp([rearrange(x) for x in c.point])
        dy = trees.rebuild(model, iter([rearrange(x) for x in pieces]))
        same = near(c.y, flat(out), 1e4 * c.u * np.abs(c.y).max(initial=0))
        if not same and not near(c.y, flat(out), _sensitivity(c)[0]):
            c.fail("layout", f"{layout} inputs change the output")
        _compare(c, layout, c.one, c.problem.pull(pullback, dy))
    if not c.large and c.problem.protect:
        ones = c.pull(c.out, c.pullback, np.ones_like(c.g[0]))
        dy = trees.rebuild(model, iter([np.broadcast_to(x.dtype.type(1), x.shape) for x in pieces]))
        _compare(c, "zero-stride", ones, c.problem.pull(c.pullback, dy))


def _compare(c: "Contract", layout: str, expected: list, got: list) -> None:
    for i, (leaf, a, b) in enumerate(c.pairs(expected, got)):
        same = near(a, b, 1e4 * c.u * np.abs(a).max(initial=0) + _rounding(c, leaf))
        if not same and not near(a, b, _sensitivity(c)[1 + i]):
            c.fail("layout", f"{layout} arrays change the cotangent of {leaf}", leaf)


def _sensitivity(c: "Contract") -> list[float]:
    """Return what the output and each cotangent may owe to roundings of the inputs, as those of a sum in another order.

    A mean of numbers far from zero but near each other carries many.  A change far above is none: a kink was crossed.
    """
    changes = []
    for _ in range(REPEATS):
        near_by = zip(jittered(c.point, c.rng, c.u), c.point, strict=True)
        out, pullback = c.problem.vjp([x.astype(kept.dtype) for x, kept in near_by])
        pairs = zip([c.y, *c.one], [flat(out), *c.pull(out, pullback, c.g[0])], strict=True)
        changes.append([_change(a, b) for a, b in pairs])
    return [MARGIN * change for change in np.max(changes, axis=0)]


def _change(a: np.ndarray, b: np.ndarray) -> float:
    change = float(np.abs(a - b).max(initial=0))
    return change if change <= JUMP * np.abs(a).max(initial=0) else 0.0


def _rounding(c: "Contract", leaf: str) -> float:
    """Allow for terms that cancel: as the cotangent changes with dy by a rounding, or as y dy / x rounds."""
    x = next(x.value for x in c.problem.leaves if x.name == leaf)
    largest = max((float(np.abs(e).max(initial=0)) for e in c.one), default=0.0)
    natural = float(np.abs(c.y).max(initial=0) * np.abs(c.g).max(initial=0)) / scale(x)
    return 1024 * c.jitter[leaf] + 64 * c.u * max(natural, largest)


def near(a: Any, b: Any, slack: float | np.ndarray) -> bool:
    if np.isnan(slack).any():
        return True  # made of numbers that are not finite, which is a finding of its own
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool((np.abs(a - b) <= slack).all() or np.array_equal(a, b, equal_nan=True))
