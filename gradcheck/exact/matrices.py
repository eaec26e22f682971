"""Inverses, solutions and determinants of matrices of balls, each with its derivative."""

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb_mat

from gradcheck.exact.balls import Balls
from gradcheck.exact.operands import dual
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.values import as_objects


def _of_each(function: Callable[[arb_mat], arb_mat], x: np.ndarray) -> np.ndarray:
    """Map (..., N, N) to matrices (..., N, M)."""
    rows = x.reshape(-1, *x.shape[-2:])
    try:
        found = [as_objects(function(arb_mat(row.tolist())).tolist()) for row in rows]
    except ZeroDivisionError:
        raise NotFollowed("a matrix that may be singular") from None
    return np.stack(found).reshape(*x.shape[:-2], *found[0].shape)


def inverse(x: Any) -> Balls:
    a = dual(x)
    y = _of_each(lambda m: m.inv(), a.value)
    return Balls(y, None if a.change is None else as_objects(-(y @ a.change @ y)))


def solution(a: Any, b: Any) -> Any:
    return (inverse(a) @ b) if np.ndim(b) > 1 else (inverse(a) @ b[:, None])[:, 0]


def determinant(x: Any) -> Balls:
    a = dual(x)
    value = _of_each(lambda m: arb_mat([[m.det()]]), a.value)[..., 0, 0]
    if a.change is None:
        return Balls(as_objects(value))
    turned = np.swapaxes(_of_each(lambda m: m.inv(), a.value), -1, -2)
    return Balls(as_objects(value), as_objects(value * (turned * a.change).sum(axis=(-1, -2))))


def log_determinant(x: Any) -> tuple:
    found = determinant(x)
    return np.sign(found), np.log(np.abs(found))


def power(x: Any, n: int) -> Any:
    base = inverse(x) if n < 0 else x
    found = np.zeros_like(x) + np.eye(np.shape(x)[-1])
    for _ in range(abs(n)):
        found = found @ base
    return found


CALLED: dict[str, Callable] = {
    "linalg.det": determinant,
    "linalg.inv": inverse,
    "linalg.matrix_power": power,
    "linalg.slogdet": log_determinant,
    "linalg.solve": solution,
}
