"""Factors that the rows of a claim are off by, and what is plain of them."""

import numpy as np


def rowwise(a: np.ndarray, t: np.ndarray, slack: np.ndarray) -> np.ndarray | None:
    """Return the factor (R,) that each row of t is multiplied with in a, if there is one and it proves something."""
    there, scale = np.abs(t) > slack, np.abs(t).max(initial=0) or 1.0  # squares of what is tiny are 0
    size = np.square(t / scale).sum(axis=1)
    c = np.where(size > 0, (a / scale * (t / scale)).sum(axis=1) / np.where(size > 0, size, 1), np.nan)
    known = np.isfinite(c)
    by = np.where(known, c, 1)[:, None]
    if (np.abs(a - by * t) > 4 * np.maximum(np.abs(by), 1) * slack + 1e-9 * np.abs(a)).any():
        return None
    if (there.sum(axis=1) > 1).sum() < 2 or np.nanmax(c) - np.nanmin(c) <= 1e-9 * np.nanmax(np.abs(c)):
        return None
    return c


def as_axis(ratios: np.ndarray, shape: tuple[int, ...]) -> str | None:
    """Say along which single axis a factor changes, if it does so along one only."""
    if len(shape) < 2:
        return None
    values = ratios.reshape(shape)
    for axis in range(len(shape)):
        along = np.moveaxis(values, axis, 0).reshape(shape[axis], -1)
        if shape[axis] > 1 and along.shape[1] > 1:
            known = np.isfinite(along)
            spread = np.where(known, along, -np.inf).max(axis=1) - np.where(known, along, np.inf).min(axis=1)
            if (spread <= 1e-9 * np.abs(along[known]).max()).all():
                return f"depends on the index of axis {axis} only"
    return None


def counted(ratios: np.ndarray, shape: tuple[int, ...]) -> int | None:
    """Return the whole number above 1 that the factors are in one stretch of an axis, if they are 1 elsewhere."""
    off = ~np.isclose(ratios, 1, rtol=0, atol=1e-8) & np.isfinite(ratios)
    times = round(float(ratios[off].mean())) if off.any() else 0
    if times < 2 or (np.abs(ratios[off] - times) > 1e-7).any():
        return None
    for axis in range(len(shape)):
        along = np.moveaxis(off.reshape(shape), axis, 0).reshape(shape[axis], -1)
        there = np.flatnonzero(along.any(axis=1))
        if along[there].all() and there.size == there[-1] - there[0] + 1 < shape[axis]:
            return times
    return None


def reordered(ratios: np.ndarray) -> bool:
    """Whether factors are quotients of the same numbers in another order: their product is then 1."""
    moved = ratios[np.isfinite(ratios) & (ratios != 1)]
    if moved.size < 3 or moved.size != ratios.size or not ratios.all():
        return False
    logs = np.log(np.abs(ratios))
    return bool(abs(logs.sum()) <= 1e-8 * np.abs(logs).sum() and np.unique(np.round(np.abs(logs), 6)).size > 2)
