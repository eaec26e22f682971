"""Terms that are missing or too many: of a mean, of a product, of a norm, a skip, a constant."""

import dataclasses

import numpy as np

from gradcheck.diagnosis import experiments, words
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal
from gradcheck.diagnosis.simple import ratio

FIT = 1e-8  # of the error: what a pattern may leave over


def skip(e: Evidence) -> Diagnosis | None:
    """The error is dy itself, or a multiple of it; or the claim is."""
    if not (e.unit and e.whole) or e.outputs != e.shape or diagonal(e) is not None or e.x.size < 2:
        return None
    identity = np.eye(len(e.claimed))
    if np.array_equal(e.claimed, identity):
        return Diagnosis(
            "dy itself",
            f"the claim for {e.name} is dy itself: only a direct path counts, the rest of the layer is left out",
        )
    c = float(e.error[0, 0])
    if c and e.close(e.error, c * identity):
        return _direct(e, c)
    straight = np.eye(len(e.claimed), dtype=bool)
    others = ~straight & ~e.no(e.numeric)
    if not e.bad[~straight].any() and others.any(axis=1).all() and e.bad[straight].all():
        text = f"{e.name} is right but for what goes straight from each entry to its own output"
        return Diagnosis("skip", f"{text}: a gate, a skip or another direct path is missing, or has a wrong multiplier")
    return None


def _direct(e: Evidence, c: float) -> Diagnosis:
    what = {-1.0: "dy is missing from the claim", 1.0: "the claim holds dy once too often"}.get(
        round(c, 7), f"the claim holds {words.factor(c, e)} dy too much"
    )
    why = "a skip connection, or another direct path, is not counted as often as it is there"
    return Diagnosis("skip", f"{e.name}: {what}: {why}")


def beside_direct(e: Evidence) -> Diagnosis | None:
    """What goes straight from each entry to its own output is right, the rest has one factor."""
    if not (e.unit and e.whole) or e.outputs != e.shape or e.x.size < 3:
        return None
    off = ~np.eye(len(e.claimed), dtype=bool)
    c = ratio(np.where(off, e.claimed, 0.0), np.where(off, e.numeric, 0.0))
    if c is None or e.bad[~off].any() or (off & ~e.no(e.numeric)).sum() < 4 or e.no(e.numeric)[~off].any():
        return None
    if (np.abs(e.claimed - c * e.numeric) > 2 * e.slack + 1e-9 * np.abs(e.claimed))[off].any():
        return None
    text = f"what each output takes from other entries counts {words.factor(c, e)} times"
    return Diagnosis("factor", f"{e.name}: {text}; what goes straight to its own output is right")


def along_axis(e: Evidence) -> Diagnosis | None:
    """The error is, along one axis, a multiple of ones, of x, of y or of a softmax."""
    if not e.whole or diagonal(e) is not None:
        return None
    error = e.full(e.error)
    for axis in reversed(range(len(e.shape))):
        if e.shape[axis] < 3:
            continue
        for names, vectors in _vectors(e, axis):
            if len(vectors) + 1 < e.shape[axis] and _spanned(error, vectors, axis + 1, e):
                return _named(e, names, f"along axis {axis}")
    if len(e.shape) and e.outputs == e.shape and (found := _grouped(e)):
        return found
    if (e.x.size >= 3 and len(e.shape) > 1) or (len(e.shape) == 1 and e.shape[0] < 3):
        rows = e.error.reshape(len(e.error), 1, -1)
        for names, vectors in _vectors(e, None):
            flat = [v.reshape(1, -1) for v in vectors]
            if len(flat) + 1 < e.x.size and _spanned(rows, flat, 2, e):
                return _named(e, names, "over the whole array")
    return None


def _grouped(e: Evidence) -> Diagnosis | None:
    """As along the last axis, within groups of it."""
    n = e.shape[-1]
    for size in (k for k in range(n // 2, 2, -1) if n % k == 0):
        shape = (*e.shape[:-1], n // size, size)
        point = [x.reshape(shape) if i == e.leaf else x for i, x in enumerate(e.point)]
        cut = dataclasses.replace(e, shape=shape, parts=[(e.parts[0][0], shape)], point=point)
        for names, vectors in _vectors(cut, len(shape) - 1):
            if len(vectors) + 1 < size and _spanned(cut.full(cut.error), vectors, len(shape), cut):
                return _named(e, names, f"within groups of {size} along axis {len(shape) - 2}")
    return None


def _named(e: Evidence, names: tuple[str, ...], where: str) -> Diagnosis:
    text = f"claim minus gradient is, {where},"
    if names == ("1",):
        own = e.unit and e.outputs == e.shape  # each output's error lies in its own line: no target does that
        return (None if own else constant(e)) or _there(e) or Diagnosis(
            "mean term", f"{e.name}: {text} the same number: the term of a mean or of a sum is missing or wrong"
        )
    if len(names) > 1:
        claims = e.claimed[:, : e.x.size] != 0
        apart = e.outputs == e.shape and not claims[~np.eye(len(claims), dtype=bool)].any()
        why = "taken for constants" if apart else "taken with a wrong factor, a wrong count or along another axis"
        return Diagnosis("statistic", f"{e.name}: {text} a sum of {' and '.join(names)}: mean and deviation are {why}")
    return Diagnosis(
        "product term",
        f"{e.name}: {text} proportional to {names[0]}: the term of a product with {names[0]} is missing or wrong",
    )


def _there(e: Evidence) -> Diagnosis | None:
    """Of the term of a mean that is there with other numbers: a factor, or a matrix that is not transposed."""
    if not e.unit or e.outputs != e.shape:
        return None
    both = ~np.eye(len(e.claimed), dtype=bool) & (e.claimed != 0) & ~e.no(e.numeric)
    c = ratio(e.claimed[both], e.numeric[both]) if both.sum() >= 4 else None
    if c is not None and (np.abs(e.claimed - c * e.numeric) <= 2 * e.slack + 1e-9 * np.abs(e.claimed))[both].all():
        if abs(c - 1) < 1e-8:
            return None
        text = f"the term of a mean or of a sum counts {words.factor(c, e)} times"
        return Diagnosis("mean term", f"{e.name}: {text}; what goes straight to its own output is right")
    return experiments.mended(e) if both.any() else None


def _vectors(e: Evidence, axis: int | None) -> list[tuple[tuple[str, ...], list[np.ndarray]]]:
    x = e.x
    one, centred = np.ones(x.shape), x - x.mean(axis=axis, keepdims=True)
    with np.errstate(all="ignore"):
        p = np.exp(x - x.max(axis=axis, keepdims=True))
    p = p / p.sum(axis=axis, keepdims=True)
    found = [
        (("1",), [one]),
        ((e.name,), [x]),
        ((f"{e.name} less its mean",), [centred]),
        ((f"softmax({e.name})",), [p]),
    ]
    if e.outputs == e.shape:
        found.append((("y",), [e.y.reshape(e.shape)]))
    return [*found, (("1", e.name), [one, x])]


def _spanned(error: np.ndarray, vectors: list[np.ndarray], axis: int, e: Evidence) -> bool:
    """Whether the error along an axis (of (R, *shape)) is a combination of the vectors, in every row and line."""
    lines = np.moveaxis(error, axis, -1)
    basis = np.stack([np.moveaxis(np.broadcast_to(v, error.shape[1:]), axis - 1, -1) for v in vectors], axis=-1)
    inverse = np.linalg.pinv(basis)  # (..., V, n)
    weights = np.einsum("...vn,r...n->r...v", inverse, lines)
    rest = lines - np.einsum("...nv,r...v->r...n", basis, weights)
    slack = np.moveaxis(e.slack.reshape(error.shape), axis, -1)
    return bool((np.abs(rest) <= 2 * slack + FIT * np.abs(lines).max(axis=-1, keepdims=True)).all())


def constant(e: Evidence) -> Diagnosis | None:
    """The error does not change when the inputs do."""
    if not e.whole or not e.bad.any():
        return None
    other = e.elsewhere()
    if (
        other is None
        or other.error.shape != e.error.shape
        or not np.any(np.abs(other.numeric - e.numeric) > 4 * e.slack)
    ):
        return None
    size = np.abs(e.error).max()
    if (np.abs(other.error - e.error) <= 2 * (e.slack + other.slack) + 1e-9 * size).all():
        text = "claim minus gradient stays the same when the inputs change"
        return Diagnosis(
            "constant term", f"{e.name}: {text}: a term without them is missing or wrong (a target, a weight, an index)"
        )
    return None
