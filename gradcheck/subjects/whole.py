"""Whole numbers and truth values, which are not differentiated, and what is said where a gradient of one is claimed."""

from typing import Any

import numpy as np

from gradcheck.subjects.findings import Finding
from gradcheck.subjects.nodes import is_leaf

KINDS = "iub"
RANGE = range(-(2**63), 2**63)  # of Python's whole numbers that NumPy has too


def is_number(value: Any) -> bool:
    """Whether it is a whole number or truth value of Python's."""
    return isinstance(value, int) and value in RANGE


def is_whole(value: Any) -> bool:
    """Whether it is an array of whole numbers or truth values, or one of NumPy's or of Python's."""
    return is_number(value) or is_leaf(value, KINDS)


def described(value: Any) -> str:
    if isinstance(value, bool):
        return "a bool"
    return "an int" if isinstance(value, int) else str(value.dtype)


def is_gradient(claim: Any, value: Any) -> bool:
    """Whether a claim is an array of floating numbers, or for one whole number another such number."""
    if np.ndim(value) == 0 and isinstance(claim, float | np.floating):
        return True
    return isinstance(claim, np.ndarray) and claim.dtype.kind == "f"


def unchecked(name: str, what: str) -> Finding:
    message = f"{name} is {what}: the gradient that is returned for it was not checked"
    return Finding("integer", message, "inconclusive", name)
