"""How a pullback must behave when it is called again: repeatable, and indifferent to memory layout."""

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.contract.layouts import LAYOUTS
from gradcheck.contract.likeness import cancelled, near, rounding, sensitivity
from gradcheck.precision.terms import MARGIN as TERMS
from gradcheck.precision.terms import terms
from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import flat, like

if TYPE_CHECKING:
    from gradcheck.contract.examine import Contract


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
    _repeats(c, first, c.pull(out, pullback, c.g[0]), "repeat", "called twice with one dy, the pullback gives two {}")
    if not any(f.kind in ("repeat", "scatter") for f in c.findings):
        message = "after another forward pass the pullback gives another {} (stale residuals)"
        _repeats(c, c.one, again, "stale", message)


def _repeats(c: "Contract", first: list, second: list, kind: str, message: str) -> None:
    """Fail where two calls differ; where by roundings alone, as of a sum in varying order, only tell."""
    for i, (leaf, a, b) in enumerate(c.pairs(first, second)):
        if np.array_equal(a, b, equal_nan=True):
            continue
        slack = 1e4 * c.u * np.abs(a).max(initial=0) + cancelled(c, leaf)
        within = near(a, b, slack) or near(a, b, TERMS * c.u * terms(c.problem, c.point, i, c.y))
        if within or c.nondeterministic:
            apart = float(np.abs(a - b).max(initial=0))
            declared = ", as declared" if c.nondeterministic else ""
            note = f"the backward pass is not deterministic{declared}: two calls give cotangents of {leaf} that differ"
            c.findings.append(Finding("scatter", f"{note} by {apart:.1e}; the bar holds that", "note", leaf))
        else:
            c.fail(kind, message.format(f"cotangents of {leaf}" if kind == "repeat" else f"cotangent of {leaf}"), leaf)


def takes_any_layout(c: "Contract") -> None:
    """Strided, Fortran-ordered and broadcast arrays hold the same numbers and get the same answer.

    A forward pass may refuse a layout, with an error; a backward pass may not, since dy is none of its caller's choice.
    """
    model = like(c.out, c.g[0], c.problem.protect)  # the output's structure, with arrays in place of numbers
    pieces = [x for _, x in trees.leaves(model)]
    for layout, rearrange in list(LAYOUTS.items())[: 1 if c.large else None]:
        dy = trees.rebuild(model, iter([rearrange(x) for x in pieces]))
        try:
            out, pullback = c.problem.vjp([rearrange(x) for x in c.point], as_is=True)
        except Exception as error:  # whatever the user's code raises to say that it takes no such arrays
            text = str(error).splitlines()[0] if str(error) else "no message"
            message = f"the forward pass refuses {layout} arrays: {type(error).__name__}: {text}"
            c.findings.append(Finding("refuses", message, "note"))
            out, pullback = c.out, c.pullback
        same = near(c.y, flat(out), 1e4 * c.u * np.abs(c.y).max(initial=0))
        if not same and not near(c.y, flat(out), sensitivity(c)[0]):
            c.fail("layout", f"{layout} inputs change the output")
        _compare(c, layout, c.one, c.problem.pull(pullback, dy))
    if not c.large and c.problem.protect:
        ones = c.pull(c.out, c.pullback, np.ones_like(c.g[0]))
        dy = trees.rebuild(model, iter([np.broadcast_to(x.dtype.type(1), x.shape) for x in pieces]))
        _compare(c, "zero-stride", ones, c.problem.pull(c.pullback, dy))


def _compare(c: "Contract", layout: str, expected: list, got: list) -> None:
    for i, (leaf, a, b) in enumerate(c.pairs(expected, got)):
        same = near(a, b, 1e4 * c.u * np.abs(a).max(initial=0) + rounding(c, leaf))
        if not same and not near(a, b, sensitivity(c)[1 + i]):
            c.fail("layout", f"{layout} arrays change the cotangent of {leaf}", leaf)
