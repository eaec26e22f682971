"""Steps along an axis: the value of a neighbouring step is used, or one step only counts."""

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal

LONG = 3  # an axis from here on has steps
FEWEST = 4  # equations that one slice of an input must fulfil


def neighbour(e: Evidence) -> Diagnosis | None:
    """All is wrong, and there is a claim at one end of an axis where nothing depends: another step's value is used."""
    if not (e.unit and e.whole) or len(e.parts) > 1 or (~e.bad & ~e.no(e.numeric)).any():
        return None
    shape = (*e.outputs, *e.shape)
    there, claims = (v.reshape(shape) for v in (~e.no(e.numeric), e.claimed != 0))
    scaled = _by_factors(np.where(e.no(e.numeric), 0.0, e.claimed).T, e.numeric.T, e.slack.T)
    for axis, n in enumerate(shape):
        own = axis >= len(e.outputs)
        where = f"axis {axis - len(e.outputs) if own else axis} of {e.name if own else 'the output'}"
        for end, step in ((0, 1), (n - 1, -1)):
            t, a = (np.moveaxis(v, axis, 0)[::step] for v in (there, claims))
            shifted = np.array_equal(a[:-1], t[1:]) or (not (a[1:] & ~t[1:]).any() and scaled)
            if n >= LONG and not t[0].any() and a[0].any() and t[1:].any() and shifted:
                text = f"at index {end} of {where} there is a claim, but no dependence, and the rest is wrong"
                return Diagnosis("value", f"{e.name}: {text}: the value of the step before or after is used")
    return None


def _by_factors(a: np.ndarray, t: np.ndarray, slack: np.ndarray) -> bool:
    """Whether each row of t (n, R) is that of a, but for a factor."""
    size = np.square(t).sum(axis=1)
    factors = (a * t).sum(axis=1) / np.where(size > 0, size, 1.0)
    return bool((np.abs(a - factors[:, None] * t) <= 4 * slack + 1e-9 * np.abs(a)).all())


def backwards(e: Evidence) -> Diagnosis | None:
    """Outputs depend on entries to one side along an axis; the claim takes the others, or not its own."""
    if not (e.unit and e.whole) or len(e.parts) > 1:
        return None
    shape = (*e.outputs, *e.shape)
    index = np.indices(shape, sparse=True)
    there, claims = (v.reshape(shape) for v in (~e.no(e.numeric), e.claimed != 0))
    for p, q in ((p, q) for p, n in enumerate(e.outputs) for q, m in enumerate(e.shape) if n == m >= LONG):
        steps = np.broadcast_to(index[p] - index[len(e.outputs) + q], shape)
        want, got = np.unique(steps[there]), np.unique(steps[claims])
        if want.size < LONG or not got.size or want.min() * want.max() != 0:
            continue
        if len(e.shape) < 2:
            continue  # of a vector a triangular matrix does the same
        sides = f"axis {p} of the output and axis {q} of {e.name}"
        if np.array_equal(got, np.sort(-want)):
            text = f"an output depends on entries to one side along {sides}, the claim takes those to the other side"
            return Diagnosis("order", f"{e.name}: {text}: a scan runs the wrong way")
        if np.array_equal(got, want[want != 0]) and not e.bad[(claims | (steps != 0)).reshape(e.bad.shape)].any():
            text = f"the claim is right but where the indices along {sides} are equal, and nothing there"
            return Diagnosis("shift", f"{e.name}: {text}: a sum over steps begins or ends one step off")
    return None


def blocks(e: Evidence) -> Diagnosis | None:
    """Each output depends on its own index along an axis; there stands what belongs to the next or the last index."""
    if not (e.unit and e.whole) or len(e.parts) > 1 or diagonal(e) is not None:
        return None
    for p, n in enumerate(e.outputs):
        for q in (q for q, m in enumerate(e.shape) if m == n >= LONG):
            a, t, slack = (_blocks(v, p, q, e) for v in (e.claimed, e.numeric, e.slack))
            off = ~np.eye(n, dtype=bool)
            if a[off].any() or (np.abs(t) > slack)[off].any():
                continue
            a, t, slack = (v[np.arange(n), np.arange(n)] for v in (a, t, slack))
            for step in (1, -1):
                here, there = (slice(None, -1), slice(1, None))[::step]
                close = np.abs(a[here] - t[there]) <= 2 * (slack[here] + slack[there]) + 1e-10 * np.abs(t[there])
                if close.all() and (np.abs(t[here] - t[there]) > 4 * slack[here]).any(axis=(1, 2)).all():
                    text = f"the claim at each index of axis {q} is that which belongs to the index {step:+d}"
                    return Diagnosis("permuted", f"{e.name}: {text}: shifted by one")
    return None


def _blocks(values: np.ndarray, p: int, q: int, e: Evidence) -> np.ndarray:
    """Return values (R, k) as (n, n, rest of the output, rest of the array), cut along axes p and q."""
    whole = np.moveaxis(values.reshape(*e.outputs, *e.shape), (p, len(e.outputs) + q), (0, 1))
    return whole.reshape(*whole.shape[:2], values.shape[0] // whole.shape[0], -1)


def alone(e: Evidence) -> Diagnosis | None:
    """Of a sum over the slices of an input, the claim holds what comes from one slice."""
    if not e.whole or not e.claimed.any():
        return None
    for i, x in enumerate(e.point):
        for axis in range(x.ndim) if i != e.leaf and x.ndim > 1 and x.size else []:
            slices = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
            flows = np.moveaxis(e.others[i].reshape(-1, *x.shape), axis + 1, 0).reshape(len(slices), len(e.claimed), -1)
            for found in (_of_products(e, slices), _of_flows(e, flows)):
                if found is not None:
                    text = f"the claim holds what comes from index {found} of axis {axis} of {e.names[i]} only"
                    return Diagnosis("sum", f"{e.name}: {text}: what comes from the others is not added")
    return None


def _of_products(e: Evidence, slices: np.ndarray) -> int | None:
    """Return from which slice each claim (m, n) is made by outer products, if the numeric gradients are not."""
    if len(e.shape) != 2 or min(e.shape) < 2 or len(slices) < 2 or slices[0].size % e.shape[0]:
        return None
    a, t = e.full(e.claimed), e.full(e.numeric)
    left = slices.reshape(len(slices), -1, e.shape[0])
    return next((k for k, rows in enumerate(left) if _outer(a, rows) and not _outer(t, rows)), None)


def _outer(values: np.ndarray, left: np.ndarray) -> bool:
    """Whether each matrix of values (R, m, n) is a sum of outer products with the rows of `left` (k, m)."""
    basis = np.linalg.svd(left, full_matrices=False)[2]
    free = values.shape[1] - len(basis)
    rest = np.abs(values - np.einsum("km,kl,rln->rmn", basis, basis, values))
    return bool((rest <= 1e-9 * np.abs(values).max()).all() and values.any(axis=1).sum() * free >= FEWEST)


def _of_flows(e: Evidence, flows: np.ndarray) -> int | None:
    """Return of which slice the claim is made as the numeric gradient is of the sum of all slices of (n, R, m)."""
    total, rows = flows.sum(axis=0), len(e.claimed)
    if len(flows) < 2 or not np.isfinite(flows).all() or np.linalg.matrix_rank(total) + FEWEST > rows:
        return None
    map = np.linalg.lstsq(total, e.numeric, rcond=None)[0]
    size = np.abs(e.numeric).max(initial=0)
    if (np.abs(total @ map - e.numeric) > 1e-7 * size).any():
        return None
    return next((k for k, part in enumerate(flows) if (np.abs(part @ map - e.claimed) <= 1e-7 * size).all()), None)
