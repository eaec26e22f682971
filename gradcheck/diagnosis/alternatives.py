"""What people put in the place of a derivative of one step: a matrix (m, n), or (n,) where it is taken by entry."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

Shape = tuple[int, ...]
Said = tuple[str, str, np.ndarray]  # a cause, in words what is wrong, and the derivative that does it
PIECES = 3  # slopes of a function in pieces, at most


def slopes(d: np.ndarray, x: np.ndarray, y: np.ndarray, name: str, alone: bool) -> Iterator[Said]:
    """Yield other slopes (n,) of a call entry by entry; `alone`: it has one operand."""
    values = np.unique(np.round(d, 12))
    cut = 1 < values.size <= PIECES
    ones = np.ones(d.shape)
    if cut:
        what = "branch" if alone or name in ("maximum", "minimum") else "mask"
        if set(values.tolist()) <= {0.0, 1.0}:
            yield what, f"every entry gets what only some may get by {name}", ones
            yield "branch", f"the other entries get what {name} sends back", 1 - d
            above, below = ((d == 0) & (x > x[d != 0].max()), (d == 0) & (x < x[d != 0].min())) if d.any() else ((), ())
            for side, part in (("above", above), ("below", below)):
                if np.any(part):
                    yield "branch", f"entries {side} the range of {name} get a gradient too", np.where(part, 1.0, d)
        elif not alone and name not in ("maximum", "minimum", "where"):
            yield "slope", f"the other factor of {name} is left out", ones
            for c in values:
                yield "scale", f"one number, {c:.6g}, stands for the other factor of {name}", np.full(d.shape, c)
        else:
            if values.size == 2:
                yield "branch", f"the two sides of {name} are exchanged", values.sum() - d
            yield "branch", f"the smaller slope of {name} stands on both sides", np.full(d.shape, values[0])
            yield "branch", f"the larger slope of {name} stands on both sides", np.full(d.shape, values[-1])
            yield "branch", f"the sign of the slope of {name} is left out", np.abs(d)
            yield "branch", f"the slope of {name} is left out", ones
        return
    if values.size == 1:
        return
    yield "slope", f"the slope of {name} is left out" if alone else f"the other factor of {name} is left out", ones
    if not alone:
        yield "slope", f"the factor of {name} is taken in its square", d * d
        yield "slope", f"the factor of {name} is taken as its inverse", 1 / d
        yield "sign", f"the sign of the factor of {name} is left out", np.abs(d)
        yield "value", f"it is taken in the place of the other factor of {name}", x
        return
    for text, other in (("y", y), ("1 - y", 1 - y), ("1 - y^2", 1 - y * y), ("y (1 - y)", y * (1 - y)), ("x", x)):
        yield "slope", f"the slope of {name} is taken for {text}", other
    for text, other in (("its square", d * d), ("its root", np.sqrt(np.abs(d))), ("its inverse", 1 / d)):
        yield "slope", f"in the place of the slope of {name} stands {text}", other
    yield "sign", f"the sign of the slope of {name} is left out", np.abs(d)


def moves(d: np.ndarray, out: Shape, shape: Shape, name: str) -> Iterator[Said]:
    """Yield the same derivative (m, n) with axes of what it takes or gives exchanged, reversed or shifted."""
    m, n = d.shape
    if m == n and out == shape:
        gathers = _gathers(d)
        if not np.array_equal(d, d.T):
            cause = "permuted" if gathers and (d.sum(axis=0) == 1).all() else "transposed"
            yield cause, f"{name} is applied as in the forward pass, where its transpose belongs", d.T
    if m == n:
        cause = "left out" if not _gathers(d) else "permuted" if np.any(d - np.diag(np.diag(d))) else "mask"
        yield cause, f"dy passes {name} as it lies", np.eye(n)
    for side, sizes in (("what flows back into", out), ("what flows back from", shape)):
        index = np.arange(math.prod(sizes)).reshape(sizes)

        def moved(order: np.ndarray, side: str = side) -> np.ndarray:
            return d[order.ravel()] if side.endswith("into") else d[:, order.ravel()]

        for p, q in itertools.combinations(range(len(sizes)), 2):
            if sizes[p] == sizes[q] > 1:
                yield "transposed", f"{side} {name} is transposed (axes {p} and {q})", moved(index.swapaxes(p, q))
        for axis, length in enumerate(sizes):
            if length > 1:
                yield "permuted", f"{side} {name} is reversed along axis {axis}", moved(np.flip(index, axis))
            for k in (1, -1) if length > 2 else ():
                order = np.roll(index, k, axis)
                text = f"{side} {name} is shifted by {k:+d} along axis {axis}"
                yield "shift", text, moved(order)
                ends = np.ones(sizes)
                np.moveaxis(ends, axis, 0)[0 if k > 0 else -1] = 0
                cut = moved(order) * (ends.ravel()[:, None] if side.endswith("into") else ends.ravel())
                yield "shift", f"{text}, and nothing enters", cut


def parts(d: np.ndarray, out: Shape, shape: Shape, name: str) -> Iterator[Said]:
    """Yield the same derivative (m, n) where something is left out, kept alone, or spread."""
    m, n = d.shape
    for side, sizes in (("into", out), ("from", shape)):
        index = np.indices(sizes)
        for axis, length in enumerate(sizes):
            for k in sorted({0, length - 1}) if length > 1 else ():
                here = (index[axis] == k).ravel()
                for keep, text in ((here, f"only index {k}"), (~here, f"all but index {k}")):
                    weight = keep[:, None] if side == "into" else keep
                    cause = "part" if text.startswith("all") else "sum" if side == "into" else "path"
                    yield cause, f"of what flows back {side} {name}, {text} of axis {axis} counts", d * weight
    if m == n and out == shape:
        yield "elementwise", f"of the derivative of {name} the diagonal alone counts", np.diag(np.diag(d))
        if not np.tril(d, -1).any() or not np.triu(d, 1).any():
            yield "shift", f"the sum of {name} begins or ends one step off", d - np.diag(np.diag(d))
    if _gathers(d):
        uses = (d != 0).sum(axis=0)
        if (uses > 1).any():
            rows = np.arange(m)[:, None]
            last, first = np.where(d != 0, rows, -1).max(axis=0), np.where(d != 0, rows, m).min(axis=0)
            for which, kept in (("last", last), ("first", first)):
                yield "repeated", f"of several uses of an entry by {name} the {which} one counts", d * (rows == kept)
            yield "repeated", f"of several uses of an entry by {name} the mean counts", d / np.maximum(uses, 1)
        at = np.argmax(d, axis=1)
        for axes in _lines(shape):
            index = np.arange(n).reshape(shape)
            groups = np.moveaxis(index, axes, range(len(axes))).reshape(math.prod(shape[a] for a in axes), -1)
            line = np.empty(n, int)
            line[groups.ravel()] = np.tile(np.arange(groups.shape[1]), len(groups))
            alike = line[at][:, None] == line[None]
            text = f"what {name} takes from one entry"
            yield "spread", f"{text} is shared out among all {len(groups)}", alike / len(groups)
            yield "spread", f"{text} goes to each of {len(groups)}", alike.astype(float)
    elif m < n:
        first = np.zeros_like(d)
        column = np.argmax(d != 0, axis=1)
        first[np.arange(m), column] = d.sum(axis=1)
        yield "spread", f"what {name} takes from many entries goes to the first of them", first


def _lines(shape: Shape) -> Iterator[tuple[int, ...]]:
    yield from ((axis,) for axis, length in enumerate(shape) if length > 1)
    if sum(length > 1 for length in shape) > 1:
        yield tuple(range(len(shape)))


def _gathers(d: np.ndarray) -> bool:
    """Whether each output is one entry, unchanged, or nothing."""
    return bool(((d == 0) | (d == 1)).all() and ((d != 0).sum(axis=1) <= 1).all() and d.any())
