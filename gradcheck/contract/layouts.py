"""Strided, Fortran-ordered and broadcast arrays hold the same numbers and get the same answer."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import CANCELLED, Rounding, near, of_sums, sensitivity
from gradcheck.contract.scatter import scatter
from gradcheck.numeric.constants import SEVERAL_ROUNDINGS
from gradcheck.numeric.scales import sizes
from gradcheck.numeric.wider import lost_by_rounding
from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import flat, like
from gradcheck.subjects.raised import in_one_line


def strided(x: np.ndarray) -> np.ndarray:
    """Return every second entry of a larger array, backwards."""
    if not x.ndim:
        return x
    room = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
    view = room[..., ::-2]
    view[...] = x
    return view


def fortran(x: np.ndarray) -> np.ndarray:
    return np.asfortranarray(x) if x.ndim > 1 else x


LAYOUTS = {"strided": strided, "Fortran-ordered": fortran}


def takes_any_layout(call: Call, rounding: Rounding, rng: np.random.Generator) -> Iterator[Finding]:
    """Yield what another memory layout changes.

    A forward pass may refuse a layout, with an error; a backward pass may not, since dy is none of its caller's choice.
    """
    if not call.problem.declared.layouts:
        return
    model = like(call.out, call.g[0], call.problem.protect)  # the output's structure, with arrays in place of numbers
    pieces = [x for _, x in trees.leaves(model)]
    axes = max(x.ndim for x in (*call.point, *pieces))  # with one axis there is one order
    part, scattered = _part(call, rounding), functools.cache(lambda: scatter(call))

    def same(i: int, a: np.ndarray, b: Any, slack: float | np.ndarray) -> bool:
        """Whether the output (0), or a cotangent, is the same but for what roundings of the inputs, or inside, make."""
        slack = slack + part * float(np.abs(a).max(initial=0))
        return near(a, b, slack) or near(a, b, sensitivity(call, rounding, rng)[i]) or near(a, b, scattered()[i])

    def changed(layout: str, expected: list, got: list, change: float = 0.0) -> Iterator[Finding]:
        for i, (leaf, a, b) in enumerate(call.pairs(expected, got), start=1):
            if not same(i, a, b, rounding.of(leaf)) and not near(a, b, change * _per_output(call, i - 1)):
                yield Finding("layout", f"{layout} arrays change the cotangent of {leaf}", array=leaf)

    for layout, rearrange in list(LAYOUTS.items())[: 1 if call.large or axes < 2 else None]:
        dy = trees.rebuild(model, iter([rearrange(x) for x in pieces]))
        try:
            out, pullback = call.problem.vjp([rearrange(x) for x in call.point], as_is=True)
        except Exception as error:  # whatever the user's code raises to say that it takes no such arrays
            message = f"the forward pass refuses {layout} arrays: {in_one_line(error)}"
            yield Finding("refuses", message, "note")
            out, pullback = call.out, call.pullback
        if not (same(0, call.y, flat(out), 0.0) or same(0, call.y, flat(out), _lost(call))):
            yield Finding("layout", f"{layout} inputs change the output")
        change = float(np.abs(flat(out) - call.y).max(initial=0))
        yield from changed(layout, call.first, call.problem.pull(pullback, dy), change)
    if not call.large and call.problem.protect:
        ones = call.pull(np.ones_like(call.g[0]))
        dy = trees.rebuild(model, iter([np.broadcast_to(x.dtype.type(1), x.shape) for x in pieces]))
        yield from changed("zero-stride", ones, call.problem.pull(call.pullback, dy))


def _lost(call: Call) -> np.ndarray:
    """Return what outputs may be off by (m,): a few of the roundings that they have beside a wider format.

    NumPy's functions round otherwise where numbers lie apart.
    """
    u = call.u / 2
    return SEVERAL_ROUNDINGS * u * lost_by_rounding(call.problem, call.point, call.y, u)


def _per_output(call: Call, leaf: int) -> np.ndarray:
    """Return what terms of a cotangent that cancel, as large as y dy / x, are off by if y is off by 1."""
    return CANCELLED * float(np.abs(call.g[0]).max(initial=0)) / sizes(call.point[leaf])


def _part(call: Call, rounding: Rounding) -> float:
    """Return the part of the largest number by which a sum in another order may differ.

    What is narrow on the way to one array may be so in y, which is in all cotangents.
    """
    return of_sums(max([call.u, *rounding.narrow.values()]))
