"""How a cotangent dy is taken apart, so that every pattern is tried with zeros inside and outside."""

from collections.abc import Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.subjects.outputs import entry, output_names

Pieces = list[np.ndarray]
Shapes = list[tuple[str, tuple[int, ...]]]  # path and shape of each output
SIGNS = (1, -1)  # of the entries of dy that are tried alone


def parts(call: Call, rng: np.random.Generator) -> Iterator[tuple[Pieces, str]]:
    """Yield pieces that add up to dy: entries alone and two halves, equal ones, outputs, the two ends of every axis.

    The words say what it means if what the pieces give does not add up to B(dy).
    """
    g = call.g[0]
    if g.size < 2:
        return
    shapes = output_names(call.out)
    yield _at_random(g, SIGNS[:1] if call.large or g.size == 2 else SIGNS, shapes, rng)
    if call.large:
        return
    yield [np.ones_like(g), g - 1], "B(dy) is not the sum of what a dy of ones gives and the rest of it"
    sizes = [int(np.prod(shape)) for _, shape in shapes]
    if len(shapes) > 1:
        yield _cut(g, np.repeat(np.arange(len(sizes)), sizes)), "B(dy) is not the sum of what its outputs' parts give"
    for (name, shape), stop in zip(shapes, np.cumsum(sizes), strict=True):
        for axis, ends in _ends(shape):
            place = np.zeros(g.size)
            place[stop - ends.size : stop] = ends
            words = f"the two ends of {name} along axis {axis} and what lies between give alone"
            yield _cut(g, place), f"B(dy) is not the sum of what {words}"


def _at_random(
    g: np.ndarray, signs: tuple[int, ...], shapes: Shapes, rng: np.random.Generator
) -> tuple[Pieces, str]:
    """Return entries alone, each with a sign, and two halves of what that leaves of dy."""
    order, entries = rng.permutation(g.size), np.arange(g.size)
    alone = [np.where(entries == k, sign * np.abs(g), 0) for k, sign in zip(order, signs, strict=False)]
    which = " and ".join(entry(shapes, int(k)) for k in order[: len(signs)])
    halves = _cut(g - np.sum(alone, axis=0), order < g.size // 2)
    return [*alone, *halves], f"B(dy) is not the sum of what dy at {which} alone and two halves of the rest give"


def _ends(shape: tuple[int, ...]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each axis with 1 for its first entries, 2 for those between and 3 for its last ones."""
    for axis, length in enumerate(shape):
        if length > 1:
            index = np.arange(length).reshape([-1 if i == axis else 1 for i in range(len(shape))])
            yield axis, np.broadcast_to(1 + (index > 0) + (index == length - 1), shape).ravel()


def _cut(g: np.ndarray, place: np.ndarray) -> Pieces:
    return [np.where(place == k, g, 0) for k in np.unique(place)]
