"""The derivative of one step by one operand: a matrix (m, n), or a vector (n,) where it is taken entry by entry."""

import numpy as np

from gradcheck.diagnosis.traced import Step

TINY = 1e-20  # a complex step
STEP = 2.0**-12  # of differences, beside numbers of size one
WHOLE = 1e-9  # what is nearer to a whole number than this is one, as in what selects
STENCIL = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))


def derivative(step: Step, k: int, operands: list[np.ndarray]) -> np.ndarray:
    """Return the derivative by operand k, where the operands have these values."""
    if step.kind == "each":
        return np.nan_to_num(_each(step, k, operands), nan=0.0, posinf=0.0, neginf=0.0)
    x = operands[k]
    found = np.empty((step.value.size, x.size))
    for j in range(x.size):
        found[:, j] = _column(step, k, operands, j)
    whole = np.round(np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0))
    return np.where(np.abs(found - whole) < WHOLE, whole, np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0))


def _each(step: Step, k: int, operands: list[np.ndarray]) -> np.ndarray:
    x = operands[k]
    if step.name == "where":
        chosen = [np.full(x.shape, float(i == k)) for i in range(len(operands))]
        return np.ravel(step.call(*chosen))
    try:
        moved = [x + 1j * TINY if i == k else v for i, v in enumerate(operands)]
        found = np.asarray(step.call(*moved))
        if np.iscomplexobj(found) and step.name not in ("absolute", "maximum", "minimum", "clip", "sign"):
            return np.ravel(found.imag / TINY)
    except TypeError:
        pass  # it takes no complex numbers
    size = STEP * np.maximum(np.abs(x), 1)
    parts = [w * step.call(*(x + s * size if i == k else v for i, v in enumerate(operands))) for s, w in STENCIL]
    return np.ravel(sum(parts) / size)


def _column(step: Step, k: int, operands: list[np.ndarray], j: int) -> np.ndarray:
    x = operands[k]

    def at(value: float, base: np.ndarray) -> np.ndarray:
        moved = np.array(base, dtype=np.float64)
        moved.flat[j] += value
        return np.ravel(step.call(*(moved if i == k else v for i, v in enumerate(operands))))

    if step.kind == "linear":
        zero = np.zeros(x.shape)
        return at(1.0, zero) - at(0.0, zero)
    size = STEP * max(abs(float(x.flat[j])), 1) if np.isfinite(x.flat[j]) else STEP
    return np.asarray(sum(w * at(s * size, x) for s, w in STENCIL) / size)
