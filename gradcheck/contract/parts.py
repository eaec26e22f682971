"""How a cotangent dy is taken apart, so that every pattern is tried with zeros inside and outside."""

from collections.abc import Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.subjects.outputs import output_names

SINGLE = 2  # entries of dy that are tried alone


def parts(call: Call, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, str]]:
    """Yield parts of dy: half of its entries, one alone, equal ones, those at one end of an axis or in one output.

    The rest of dy is the other part; the words say what it means if the two do not add up.
    """
    g = call.g[0]
    if g.size < 2:
        return
    half = rng.permutation(g.size) < g.size // 2
    yield np.where(half, g, 0), "B(dy) is not the sum of what two halves of dy's entries give, the others being 0"
    for k in rng.permutation(g.size)[: 1 if call.large else SINGLE]:
        for sign in (-1, 1):
            alone = np.where(np.arange(g.size) == k, sign * np.abs(g), 0)
            yield alone, f"B(dy) is not what entry {k} of dy gives alone and the others without it"
    if not call.large:
        yield np.ones_like(g), "B(dy) is not what a dy of ones gives and the rest of it"
        for part, where in _ends(call):
            yield np.where(part, g, 0), f"B(dy) is not what {where} of dy gives alone and the rest without it"


def _ends(call: Call) -> Iterator[tuple[np.ndarray, str]]:
    """Yield which entries of dy lie in one output alone, in the first of an axis of one, or in its first half."""
    start = 0
    shapes = output_names(call.out)
    for name, shape in shapes:
        size = int(np.prod(shape))
        whole = [(np.ones(shape, bool), name)] if len(shapes) > 1 else []
        for place, where in (*whole, *_starts(shape)):
            part = np.zeros(call.g[0].size, bool)
            part[start : start + size] = place.ravel()
            yield part, where
        start += size


def _starts(shape: tuple[int, ...]) -> Iterator[tuple[np.ndarray, str]]:
    for axis, length in enumerate(shape):
        index = np.arange(length).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        for count in dict.fromkeys((1, length // 2, length - 1)):
            if 0 < count < length:
                yield np.broadcast_to(index < count, shape), f"the first {count} along axis {axis}"
