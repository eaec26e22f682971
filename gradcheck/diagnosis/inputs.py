"""Claims that would be right if the arrays stood otherwise: tried by calling the pullback there."""

import itertools
from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence

WAYS = 40  # that are tried, at five forward passes each


def rearranged(e: Evidence) -> Diagnosis | None:
    """The claim would be right if one of the arrays were transposed or reversed, or two were exchanged."""
    sums = np.random.default_rng(2).uniform(0.5, 1.5, (2, len(e.claimed)))
    claimed, right, slack = sums @ e.claimed, sums @ e.numeric, sums @ e.slack

    def near(a: np.ndarray, b: np.ndarray) -> bool:
        return bool((np.abs(a - b) <= 2 * slack + 1e-9 * np.abs(b)).all())

    ways = [(f"{e.names[i]} were {text}", {i: way}) for i, x in enumerate(e.point) for text, way in _ways(x)]
    for i, j in itertools.combinations(range(len(e.point)), 2):
        if e.point[i].shape == e.point[j].shape and e.point[i].size > 1:
            ways.append((f"{e.names[i]} and {e.names[j]} were exchanged", {i: e.point[j], j: e.point[i]}))
    for text, changed in ways[:WAYS]:
        point = [changed.get(j, x) for j, x in enumerate(e.point)]
        try:
            claim = e.pull(point, sums)
        except Exception:  # the user's code may not take it
            continue
        if near(claim, right):
            name = "transposed" if len(changed) == 1 else "order"
            return Diagnosis(name, f"the claim for {e.name} would be right if {text}")
        if len(changed) == 1 and near((claim + claimed) / 2, right):
            what = text.replace(" were ", " is taken for symmetric: the mean of the claims with it and with it ")
            return Diagnosis("transposed", f"{e.name}: {what} is right")
    return None


def _ways(x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    if not 1 <= x.ndim <= 3 or x.size < 2:
        return
    identity = tuple(range(x.ndim))
    for order in itertools.permutations(identity):
        if order != identity and all(x.shape[a] == n for a, n in zip(order, x.shape, strict=True)):
            yield (
                "transposed" if x.ndim == 2 else f"transposed to axes {order}",
                np.ascontiguousarray(x.transpose(order)),
            )
    for axis in identity:
        if x.shape[axis] > 1:
            yield f"reversed along axis {axis}", np.ascontiguousarray(np.flip(x, axis))
    if x.ndim > 1:
        yield "reversed along all axes", np.ascontiguousarray(np.flip(x))
