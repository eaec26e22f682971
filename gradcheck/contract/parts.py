"""How a cotangent dy is taken apart, so that every pattern is tried with zeros inside and outside."""

from collections.abc import Iterator, Sequence

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.subjects.outputs import entry, output_names

Pieces = list[np.ndarray]
Shapes = list[tuple[str, tuple[int, ...]]]  # path and shape of each output
FEW = (2, 3)  # entries, which are tried together


def parts(call: Call, rng: np.random.Generator) -> Iterator[tuple[Pieces, str]]:
    """Yield pieces that add up to dy: of several sizes, signs and sums, outputs, the ends of every axis.

    The words say what it means if what the pieces give does not add up to B(dy).
    """
    g = call.g[0]
    if g.size == 1:
        yield _of_one_entry(g)
    if g.size < 2:
        return
    shapes = output_names(call.out)
    yield _of_sizes(g, call.large, shapes, rng)
    even = balanced([shape for _, shape in shapes], np.random.default_rng(g.size))
    yield _of_signs_and_sums(g, even, call.large)
    if call.large:
        return
    sizes = [int(np.prod(shape)) for _, shape in shapes]
    if len(shapes) > 1:
        yield _cut(g, np.repeat(np.arange(len(sizes)), sizes)), "B(dy) is not the sum of what its outputs' parts give"
    for where, place in along_axes(shapes):
        words = f"the two ends of {where} and what lies between give alone"
        yield _cut(g, place), f"B(dy) is not the sum of what {words}"


def _of_one_entry(g: np.ndarray) -> tuple[Pieces, str]:
    """Return the 1 that a loss is given, a dy below zero, and the rest."""
    one, below = np.ones_like(g), -np.abs(g)
    return [one, below, (g - below) - one], "B(dy) is not the sum of what 1, dy below zero and the rest of dy give"


def _of_sizes(g: np.ndarray, large: bool, shapes: Shapes, rng: np.random.Generator) -> tuple[Pieces, str]:
    """Return entries alone, of both signs, a few, half of them, and what that leaves of dy: all entries but one.

    Where outputs have rows it is not half of them but all rows except one that lies between others.  Of what is left a
    piece takes all of the first entry and a half of others, so that no sum is rounded.  Of a large subject it is one
    entry, half of them and all but one.
    """
    order = rng.permutation(g.size)
    alone = [int(order[0])] if large or g.size == 2 else _last_and_another(g, order)
    pieces = [np.where(np.arange(g.size) == k, sign * g, 0) for k, sign in zip(alone, (1, -1), strict=False)]
    left, others, half = g - np.sum(pieces, axis=0), order[order != alone[0]], g.size // 2
    for size in dict.fromkeys((half,) if large else (*FEW, half)):
        if 1 < size < g.size - 1:
            taken = None if large or size in FEW else _all_rows_but_one(shapes, rng)
            taken = np.isin(np.arange(g.size), others[-size:]) if taken is None else taken
            pieces.append(np.where(taken, left / 2, 0))
            left = left - pieces[-1]
    which = " and ".join(entry(shapes, int(k)) for k in alone)
    return [*pieces, left], f"B(dy) is not the sum of what dy at {which} alone, parts of a few sizes, and the rest give"


def _all_rows_but_one(shapes: Shapes, rng: np.random.Generator) -> np.ndarray | None:
    """Return which entries lie in another row than one between others; None without such rows.

    A backward may stop at a row of zeros, as at padding, or count those that are none.
    """
    inner, start = [], 0
    for _, shape in shapes:
        length, size = (shape[-1] if len(shape) > 1 else 1), int(np.prod(shape))
        if length > 1 and size >= 3 * length:
            inner.append((start + length * int(rng.integers(1, size // length - 1)), length))
        start += size
    if not inner:
        return None
    taken = np.ones(start, bool)
    for at, length in inner:
        taken[at : at + length] = False
    return taken


def _last_and_another(g: np.ndarray, order: np.ndarray) -> list[int]:
    """Return the last entry, on which all steps of a recurrence may bear, and one of the same sign if there is any."""
    last = g.size - 1
    others = order[order != last]
    alike = others[np.sign(g[others]) == np.sign(g[last])]
    return [last, int(alike[0] if alike.size else others[0])]


def _of_signs_and_sums(g: np.ndarray, even: np.ndarray, large: bool) -> tuple[Pieces, str]:
    """Return a dy whose sums are zero, one below zero everywhere, equal ones, and the rest: no sum of them is rounded.

    Of a large subject the ones, which a dy of one sign is near to, are part of the rest.
    """
    ones, below = np.ones_like(g), -np.abs(g)
    alone = [even, below] if large else [even, below, ones]
    rest = (g - below) - (0 if large else ones) - even
    names = "one that sums to zero along every axis, one below zero" + ("" if large else ", one of ones")
    return [*alone, rest], f"B(dy) is not the sum of what dy in parts gives: {names} and the rest of it"


def balanced(shapes: Sequence[tuple[int, ...]], rng: np.random.Generator) -> np.ndarray:
    """Return a vector without zeros whose sums along every axis of more than one entry are exactly zero."""
    return np.concatenate([_balanced(shape, rng).ravel() for shape in shapes])


def _balanced(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    total = np.ones(())
    for length in shape:
        pairs = np.repeat(rng.choice([1.0, 0.5], length // 2), 2) * np.resize([1.0, -1.0], length - length % 2)
        line = pairs if length % 2 == 0 else np.array([1.0]) if length == 1 else np.r_[pairs[2:], 1.0, -0.5, -0.5]
        total = total[..., None] * rng.permutation(line)
    return total


def along_axes(shapes: Sequence[tuple[str, tuple[int, ...]]]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every axis of every output with 1 at its first entries, 2 between, 3 at its last, and 0 elsewhere."""
    sizes = [int(np.prod(shape)) for _, shape in shapes]
    for (name, shape), stop in zip(shapes, np.cumsum(sizes), strict=True):
        for axis, ends in _ends(shape):
            place = np.zeros(sum(sizes))
            place[stop - ends.size : stop] = ends
            yield f"{name} along axis {axis}", place


def _ends(shape: tuple[int, ...]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each axis with 1 for its first entries, 2 for those between and 3 for its last ones."""
    for axis, length in enumerate(shape):
        if length > 1:
            index = np.arange(length).reshape([-1 if i == axis else 1 for i in range(len(shape))])
            yield axis, np.broadcast_to(1 + (index > 0) + (index == length - 1), shape).ravel()


def _cut(g: np.ndarray, place: np.ndarray) -> Pieces:
    return [np.where(place == k, g, 0) for k in np.unique(place)]
