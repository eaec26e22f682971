"""Whole numbers and truth values among the inputs, not differentiated: told, undecided where a gradient is claimed.

Those that a subject holds, and single ones of Python's, are sizes and switches mostly: only a claim is told.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.subjects import alignment, trees
from gradcheck.subjects.adapted import Adapted, names
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.nodes import Above, children, joined
from gradcheck.subjects.whole import KINDS, described, is_gradient, is_number, unchecked

MOST_AXES = 32  # of a list of lists: what holds itself has no end


def whole_numbers(subject: Adapted, inputs: tuple, d_parameters: Any, d_inputs: tuple) -> list[Finding]:
    """Return a finding for each array of whole numbers among the inputs, given what the pullback returned.

    A list of Python's numbers is one.
    """
    triples = zip(names(subject, inputs), inputs, d_inputs, strict=True)
    findings = [finding for name, x, dx in triples for finding in _told(x, dx, name)]
    held = _told(subject.parameters, d_parameters, "")
    return findings + [finding for finding in held if finding.severity != "note"]


def _told(x: Any, dx: Any, name: str) -> Iterator[Finding]:
    of_python: dict[str, str] = {}
    given = _with_arrays(x, name, of_python)
    claims = dict(alignment.align(given, dx, name, kinds=KINDS))
    for path, value in trees.leaves(given, name, kinds=KINDS):
        what = of_python.get(path, str(value.dtype))
        if _is_gradient(claims.get(path), value, path in of_python):
            yield unchecked(path, what)
        elif value.ndim or path not in of_python:
            message = f"{path} is {what} and was not differentiated: if it should be, hand over floating numbers"
            yield Finding("integer", message, "note", path)


def _with_arrays(x: Any, path: str, of_python: dict[str, str], above: Above = ()) -> Any:
    """Return a tree with arrays for Python's numbers and lists of them, whose paths are taken down with what they are.

    Objects are dictionaries of what they hold.
    """
    if is_number(x):
        of_python[path] = described(x)
        return np.array(x)
    if _is_list_of_numbers(x):
        of_python[path] = f"a {type(x).__name__} of {np.array(x).dtype.name.rstrip('0123456789')}"
        return np.array(x)
    held = children(x)
    if not held or id(x) in above:  # what holds itself
        return None if held else x
    above = (*above, id(x))
    parts = {key: _with_arrays(child, joined(path, key), of_python, above) for key, child in held}
    return list(parts.values()) if isinstance(x, list | tuple) and not hasattr(x, "_fields") else parts


def _is_list_of_numbers(x: Any, depth: int = MOST_AXES) -> bool:
    """Whether it is a list or tuple of whole numbers or truth values, or of such rows, all of one length."""
    if type(x) not in (list, tuple) or not x or not depth:
        return False
    if all(isinstance(entry, int) for entry in x):
        return all(map(is_number, x))
    return all(_is_list_of_numbers(row, depth - 1) for row in x) and len({np.shape(row) for row in x}) == 1


def _is_gradient(claim: Any, value: np.ndarray, is_of_python: bool) -> bool:
    """Whether a claim is a gradient of whole numbers, for a list perhaps another one of floating numbers."""
    if is_of_python and value.ndim and isinstance(claim, list | tuple):
        return any(isinstance(entry, float | np.floating) for entry in claim)
    return is_gradient(claim, value)
