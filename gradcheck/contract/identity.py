"""What a pullback knows of dy are its numbers, not which array holds them: its caller may use one array again."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding, near, of_sums
from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import like

SPARE = 64  # objects, more than cotangents that a check has handed over before


def reads_dy_anew(call: Call, rounding: Rounding, _rng: np.random.Generator) -> Iterator[Finding]:
    """Yield which cotangents are of the numbers that dy held before, where the same array holds others now.

    What is another for an array of its own as well is no matter of identity.
    """
    dy, buffers = _in_buffers(call)
    old = [np.array(d) for d in call.problem.pull(call.pullback, dy)]
    for buffer, numbers in zip(buffers, _pieces(call, call.g[0]), strict=True):
        buffer[...] = numbers
    got = [np.array(d) for d in call.problem.pull(call.pullback, dy)]
    odd = {leaf for leaf, first, now in call.pairs(call.first, got) if not _same(call, rounding, leaf, first, now)}
    if not odd:
        return
    for leaf, first, before, now, alone in call.pairs(call.first, old, got, call.pull(call.g[0])):
        kept = np.array_equal(before, now) and not np.array_equal(now, alone)
        if leaf in odd and (kept or _same(call, rounding, leaf, first, alone)):
            message = f"an array dy that holds other numbers than before gets a cotangent of {leaf} of the old ones"
            yield Finding("identity", message, array=leaf)


def _in_buffers(call: Call) -> tuple[Any, list[np.ndarray]]:
    """Return the second cotangent as it is handed over, and the arrays that it is in, which can be written to."""
    buffers = _pieces(call, call.g[1])
    handed = [_elsewhere(x, call.problem.protect) for x in buffers]
    return trees.rebuild(like(call.out, call.g[1]), iter(handed)), buffers


def _elsewhere(x: np.ndarray, protect: bool) -> np.ndarray:
    """Return a view of an array that is no object of an earlier call again: what is freed is taken first."""
    views = [trees.read_only(x) if protect else x[...] for _ in range(SPARE)]
    return views[-1]


def _pieces(call: Call, g: np.ndarray) -> list[np.ndarray]:
    return [x for _, x in trees.leaves(like(call.out, g, protect=False))]


def _same(call: Call, rounding: Rounding, leaf: str, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two calls for the same numbers differ by no more than sums in varying order do."""
    return near(a, b, of_sums(call.u) * np.abs(a).max(initial=0) + rounding.of_cancelled(leaf))
