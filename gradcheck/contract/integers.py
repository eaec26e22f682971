"""Whole numbers and truth values among the inputs, not differentiated: told, undecided where a gradient is claimed."""

from typing import Any

import numpy as np

from gradcheck.subjects import alignment, trees
from gradcheck.subjects.adapted import Adapted, names
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.nodes import Above, joined

KINDS = "iub"
MOST_AXES = 32  # of a list of lists: what holds itself has no end


def whole_numbers(subject: Adapted, inputs: tuple, d_inputs: tuple) -> list[Finding]:
    """Return a finding for each array of whole numbers among the inputs, given what the pullback returned for them.

    A list of Python's numbers is one.
    """
    findings = []
    for name, x, dx in zip(names(subject, inputs), inputs, d_inputs, strict=True):
        given = _with_lists_as_arrays(x)
        claims = dict(alignment.align(given, dx, name, kinds=KINDS))
        described = dict(_described(x, name))
        for path, value in trees.leaves(given, name, kinds=KINDS):
            what = described.get(path, str(value.dtype))
            message = f"{path} is {what} and was not differentiated: if it should be, hand over floating numbers"
            if _is_gradient(claims.get(path), path in described):
                message = f"{path} is {what}: the gradient that is returned for it was not checked"
                findings.append(Finding("integer", message, "inconclusive", path))
            else:
                findings.append(Finding("integer", message, "note", path))
    return findings


def _with_lists_as_arrays(x: Any, above: Above = ()) -> Any:
    if _is_list_of_numbers(x):
        return np.array(x)
    if id(x) in above:  # what holds itself
        return x
    above = (*above, id(x))
    if type(x) is dict:
        return {key: _with_lists_as_arrays(value, above) for key, value in x.items()}
    return type(x)(_with_lists_as_arrays(value, above) for value in x) if type(x) in (list, tuple) else x


def _described(x: Any, path: str, above: Above = ()) -> list[tuple[str, str]]:
    """Return the path of each list that is taken for an array, and what it is."""
    if _is_list_of_numbers(x):
        return [(path, f"a {type(x).__name__} of {np.array(x).dtype.name.rstrip('0123456789')}")]
    children = x.items() if type(x) is dict else enumerate(x) if type(x) in (list, tuple) else ()
    below = [] if id(x) in above else list(children)
    return [row for key, value in below for row in _described(value, joined(path, key), (*above, id(x)))]


def _is_list_of_numbers(x: Any, depth: int = MOST_AXES) -> bool:
    """Whether it is a list or tuple of whole numbers or truth values, or of such rows, all of one length."""
    if type(x) not in (list, tuple) or not x or not depth:
        return False
    if all(isinstance(entry, int) for entry in x):
        return all(-(2**63) <= entry < 2**63 for entry in x)
    return all(_is_list_of_numbers(row, depth - 1) for row in x) and len({np.shape(row) for row in x}) == 1


def _is_gradient(claim: Any, is_of_list: bool) -> bool:
    """Whether a claim is an array of floating numbers, or for a list another one of them."""
    if is_of_list and isinstance(claim, list | tuple):
        return any(isinstance(entry, float | np.floating) for entry in claim)
    return isinstance(claim, np.ndarray) and claim.dtype.kind == "f"
