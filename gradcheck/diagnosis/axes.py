"""Transposed, symmetrised, scaled along an axis: the right numbers along the wrong axes."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence

MOST_AXES = 8
FEWEST, MOST = 6, 4096  # derivatives, and those beyond what is free, that show a scaled matrix


def transposed(e: Evidence) -> Diagnosis | None:
    """The claimed Jacobian is the numeric one with axes exchanged."""
    for order, moved in _orders(e):
        if e.close(e.claimed, moved):
            outputs = len(e.outputs)
            if e.outputs == e.shape and all(a in (i, (i + outputs) % (2 * outputs)) for i, a in enumerate(order)):
                if _selects(e):
                    text = f"dy is taken in the order of the forward pass, where its inverse belongs: {_said(order, e)}"
                    return Diagnosis("permuted", f"{e.name}: {text}")
                text = f"the claim for {e.name} is J dy instead of J^T dy in {_said(order, e)}"
                return Diagnosis(
                    "transposed", f"{text}: a factor is not transposed, or factors are applied in forward order"
                )
            if outputs and len(e.shape) != outputs and _one_side(order, e):
                what = "dy is summed" if len(e.shape) < outputs else "dy is spread"
                return Diagnosis("axis", f"{e.name}: {what} along the wrong axis: {_said(order, e)} are exchanged")
            return Diagnosis(
                "transposed", f"{e.name}: the claim is the gradient with {_said(order, e)} exchanged (a transpose?)"
            )
    return None


def _selects(e: Evidence) -> bool:
    """Whether each output is one entry, and each entry one output, unchanged."""
    there = ~e.no(e.numeric)
    ones = e.close(e.numeric, there.astype(float))
    return bool(ones and (there.sum(axis=0) == 1).all() and (there.sum(axis=1) == 1).all())


def symmetrised(e: Evidence) -> Diagnosis | None:
    """The claim and its mirror image make the numeric Jacobian, as sum or as mean."""
    for order, moved in _orders(e, claimed=True):
        if e.close(e.claimed + moved, e.numeric):
            said = _said(order, e)
            text = f"{e.name} is used twice, of which one is left out: the claim with {said} exchanged is the rest"
            return Diagnosis("path", text)
        if e.close((e.claimed + moved) / 2, e.numeric):
            text = f"the mean of the claim and of itself with {_said(order, e)} exchanged is right"
            return Diagnosis("transposed", f"{e.name}: {text}: something is taken for symmetric that is not")
    return None


def scaled(e: Evidence) -> Diagnosis | None:
    """A matrix stands transposed; what its outputs are multiplied with afterwards does not."""
    for order, moved in _orders(e, alike=False):
        outputs = len(e.outputs)
        if e.outputs != e.shape or any(a not in (i, (i + outputs) % (2 * outputs)) for i, a in enumerate(order)):
            continue
        if e.close(moved, e.numeric) or e.close(np.abs(e.claimed), np.abs(e.numeric)):
            continue  # nothing is mixed along these axes
        there = np.abs(moved) > e.slack.max()
        if not np.array_equal(there, e.claimed != 0) or not FEWEST <= there.sum() <= MOST:
            continue
        with np.errstate(all="ignore"):
            logs = np.log(np.abs(e.claimed / moved))[there]
        if _of_places(logs, there) and np.abs(logs).max() > 1e-3:
            text = f"but for what each output is multiplied with, the claim is that of a matrix with {_said(order, e)}"
            return Diagnosis("transposed", f"{e.name}: {text} exchanged: a factor is not transposed")
    return None


def _of_places(logs: np.ndarray, there: np.ndarray) -> bool:
    """Whether what stands at [i, j], for all that is there, is v[j] - v[i] for some v."""
    rows, columns = np.nonzero(there)
    differences = np.zeros((rows.size, len(there)))
    differences[np.arange(rows.size), columns] += 1
    differences[np.arange(rows.size), rows] -= 1
    values, _, rank, _ = np.linalg.lstsq(differences, logs, rcond=None)
    return bool(rows.size >= rank + FEWEST and np.abs(differences @ values - logs).max() <= 1e-7)


def _orders(e: Evidence, claimed: bool = False, alike: bool = True) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    shape = (*e.outputs, *e.shape)
    if not (e.unit and e.whole) or len(shape) > MOST_AXES or math.prod(e.outputs) != len(e.claimed):
        return
    values = e.claimed if claimed else e.numeric
    if alike and not claimed and not _alike(np.sort(np.abs(values), axis=None), np.sort(np.abs(e.claimed), axis=None)):
        return
    whole = values.reshape(shape)
    identity = tuple(range(len(shape)))
    orders = [
        o
        for o in itertools.permutations(identity)
        if o != identity and all(shape[a] == n for a, n in zip(o, shape, strict=True))
    ]
    for order in sorted(orders, key=lambda o: sum(a != b for a, b in zip(o, identity, strict=True))):
        yield order, whole.transpose(order).reshape(values.shape)


def _one_side(order: tuple[int, ...], e: Evidence) -> bool:
    """Whether only axes of the output are exchanged, or only axes of the array, along one of which there is a sum."""
    moved, outputs = [i for i, a in enumerate(order) if a != i], len(e.outputs)
    whole = e.numeric.reshape(*e.outputs, *e.shape)
    one = all(i < outputs for i in moved) or all(i >= outputs for i in moved)
    return one and any(level(whole, axis) for axis in moved)


def level(values: np.ndarray, axis: int) -> bool:
    """Whether values are the same all along an axis."""
    gap = float(np.abs(np.diff(values, axis=axis)).max(initial=0))
    return gap <= 1e-10 * float(np.abs(values).max(initial=0))


def _said(order: tuple[int, ...], e: Evidence) -> str:
    moved = [i for i, a in enumerate(order) if a != i]
    names = [
        f"axis {i} of the output" if i < len(e.outputs) else f"axis {i - len(e.outputs)} of {e.name}" for i in moved
    ]
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-9 * float(np.abs(a).max(initial=0))))
