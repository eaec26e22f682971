"""Inputs and constants as they are written out in a script."""

import cmath
from typing import Any

import numpy as np

from gradcheck.subjects.nodes import DEPTH, Above

SMALL = 64  # entries of an array that is written out
LONGEST = 1024  # bits of a whole number: Python refuses to write one of many more
COMPLEX = (np.complex64, np.complex128)
WRITTEN = ("builtins", "numpy")  # whose numbers and texts write themselves as what makes them


def literal(x: Any, above: Above = ()) -> str | None:
    """Return an expression for a small array, a plain value, or a list, tuple or dictionary of such; else None.

    `above` are the ids of what holds it: what holds itself has no expression, nor has what is nested too deep.
    """
    if id(x) in above or len(above) > DEPTH:
        return None
    below = (*above, id(x))
    if type(x) in (list, tuple):
        parts = [literal(part, below) for part in x]
        inside = ", ".join(part for part in parts if part is not None)
        if None in parts:
            return None
        return f"[{inside}]" if type(x) is list else f"({inside}{',' * (len(x) == 1)})"
    if type(x) is dict:
        pairs = [(literal(key, below), literal(value, below)) for key, value in x.items()]
        ends = [f"{key}: {value}" for key, value in pairs if key is not None and value is not None]
        return "{" + ", ".join(ends) + "}" if len(ends) == len(pairs) else None
    if isinstance(x, np.ndarray):
        return _of_array(x)
    return repr(x) if x is None or (type(x).__module__ in WRITTEN and _is_plain(x)) else None


def _of_array(x: np.ndarray) -> str | None:
    small = (x.dtype.kind in "fiub" and x.dtype.itemsize <= 8) or x.dtype in COMPLEX
    if not (small and 0 < x.size <= SMALL and np.isfinite(x).all()):
        return None
    kind = "" if x.dtype in (np.float64, np.complex128, np.int64, np.bool_) else f", dtype={x.dtype.name!r}"
    written = np.array2string(x, 100, separator=", ", floatmode="unique", prefix=" " * 9)
    return f"np.array({written}{kind})"


def _is_plain(x: Any) -> bool:
    if isinstance(x, int):
        return x.bit_length() <= LONGEST
    return isinstance(x, str) or (isinstance(x, float | complex) and cmath.isfinite(x))
