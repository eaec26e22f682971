"""Gradients, Jacobians and Hessians: measured derivatives along every entry, each with its bar."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.numeric.curvature import curvatures
from gradcheck.numeric.derivative import Derivative, along, at, measured
from gradcheck.numeric.forms import outer, shaped
from gradcheck.numeric.plain import Plain
from gradcheck.numeric.probe import Probe


def gradient(f: Callable[[Any], Any], x: Any) -> Derivative:
    """Return the gradient of a function with one output: a number for every entry of x, in a tree like x.

    Raises:
        TypeError: as `derivative` does.
        ValueError: as `derivative` does, or f(x) has several entries.

    >>> import gradcheck, numpy as np
    >>> gradcheck.gradient(lambda x: (x * x).sum(), np.array([1.0, 2, 3])).value.round(6).tolist()
    [2.0, 4.0, 6.0]
    """
    plain = Plain(f, x, "gradient")
    _, spot, _ = at(plain, Probe(None))
    _single(plain, spot.y)
    columns = [along(plain, spot, vectors) for vectors in plain.entries()]
    return measured(plain, columns, lambda rows: shaped(plain.x, rows[0]))


def jacobian(f: Callable[[Any], Any], x: Any) -> Derivative:
    """Return the derivative of every output with respect to every entry of x.

    Of one array and one output it has the shape of f(x) followed by that of x; of trees it is a tree like f(x) of
    trees like x of such arrays.

    Raises:
        TypeError: as `derivative` does.
        ValueError: as `derivative` does.

    >>> import gradcheck, numpy as np
    >>> gradcheck.jacobian(lambda x: np.array([x[0] * x[1], x[0]]), np.array([2.0, 3])).value.round(6).tolist()
    [[3.0, 2.0], [1.0, 0.0]]
    """
    plain = Plain(f, x, "jacobian")
    y, spot, _ = at(plain, Probe(None))
    columns = [along(plain, spot, vectors) for vectors in plain.entries()]
    return measured(plain, columns, lambda rows: outer(y, plain.x, rows))


def hessian(f: Callable[[Any], Any], x: Any) -> Derivative:
    """Return the second derivatives of a function with one output, by second differences along entries and their pairs.

    Of one array it has the shape of x twice; of a tree it is a tree like x of trees like x.  At a kink of f there is
    none: there, and where nothing is resolved, it is nan.  Where it jumps itself it is the mean of both sides.

    Raises:
        TypeError: as `derivative` does.
        ValueError: as `derivative` does, or f(x) has several entries.

    >>> import gradcheck, numpy as np
    >>> (gradcheck.hessian(lambda x: x[0] * x[0] * x[1], np.array([2.0, 3])).value.round(4) + 0).tolist()
    [[6.0, 4.0], [4.0, 0.0]]
    """
    plain = Plain(f, x, "hessian")
    _, spot, _ = at(plain, Probe(None))
    _single(plain, spot.y)
    found = curvatures(plain, spot, list(plain.entries()))
    return measured(plain, found, lambda rows: outer(plain.x, plain.x, rows))


def _single(plain: Plain, y: np.ndarray) -> None:
    if y.size != 1:
        raise ValueError(f"{plain.name}: f(x) must be one number, got {y.size}")
