"""What a pullback knows of dy are its numbers, not which array holds them: its caller may use one array again."""

from collections.abc import Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding, same
from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import like

SPARE = 64  # objects, more than cotangents that a check has handed over before


class Lent:
    """Arrays that hold the second cotangent first, and the first one after."""

    def __init__(self, call: Call):
        self.call, self._buffers = call, _pieces(call, call.g[1])
        handed = [_elsewhere(x, call.problem.protect) for x in self._buffers]
        self._dy = trees.rebuild(like(call.out, call.g[1]), iter(handed))
        self.old = self._pulled()

    def again(self) -> list[np.ndarray]:
        """Return the cotangents of the first one, in the arrays that held the second."""
        for buffer, numbers in zip(self._buffers, _pieces(self.call, self.call.g[0]), strict=True):
            buffer[...] = numbers
        return self._pulled()

    def _pulled(self) -> list[np.ndarray]:
        return [np.array(d) for d in self.call.problem.pull(self.call.pullback, self._dy)]


def of_old_numbers(call: Call, rounding: Rounding, old: list, got: list) -> Iterator[Finding]:
    """Yield which cotangents are of the numbers that dy held before, where the same array holds others now.

    What is another for an array of its own as well is no matter of identity.
    """
    pairs = list(zip(call.first, got, strict=True))
    odd = {i for i, (first, now) in enumerate(pairs) if not same(call, rounding, i, first, now)}
    if not odd:
        return
    rows = call.pairs(call.first, old, got, call.pull(call.g[0]))
    for i, (leaf, first, before, now, alone) in enumerate(rows):
        kept = np.array_equal(before, now) and not np.array_equal(now, alone)
        if i in odd and (kept or same(call, rounding, i, first, alone)):
            message = f"an array dy that holds other numbers than before gets a cotangent of {leaf} of the old ones"
            yield Finding("identity", message, array=leaf)


def _elsewhere(x: np.ndarray, protect: bool) -> np.ndarray:
    """Return a view of an array that is no object of an earlier call again: what is freed is taken first."""
    views = [trees.read_only(x) if protect else x[...] for _ in range(SPARE)]
    return views[-1]


def _pieces(call: Call, g: np.ndarray) -> list[np.ndarray]:
    return [x for _, x in trees.leaves(like(call.out, g, protect=False))]
