"""Whole numbers that an object holds: no parameters, but told where its backward has gradients of them."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcheck.adapters import spellings
from gradcheck.adapters.places import Path, held, title
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.whole import described, is_gradient, is_whole, unchecked


def may_have_one(value: Any) -> bool:
    """Whether it is a floating array, or whole numbers."""
    return spellings.is_parameter(value) or is_whole(value)


def numbers(obj: Any) -> dict[Path, Any]:
    """Return copies of what may have a gradient in an object."""
    return {path: copy.copy(x) for path, x in held(obj).items() if may_have_one(x)}


def unchanged(obj: Any, before: Mapping[Path, Any]) -> dict[Path, Any]:
    """Return which of these an object still has."""
    now = {path: x for path, x in held(obj).items() if path in before and may_have_one(x)}
    return {path: before[path] for path, x in now.items() if np.array_equal(x, before[path], equal_nan=True)}


def left(there: Mapping[Path, Any], after: Mapping[Path, Any], changed: set[Path]) -> dict[Path, Path]:
    """Return the path of each whole number's gradient among what the passes have left `after` them in an object.

    A single number, as a size is, has none but a single one; labels by the name of an output have none.
    """
    whole = {path: np.zeros(np.shape(x)) for path, x in there.items() if is_whole(x)}
    found = spellings.gradients(whole, {path: after[path] for path in after if path in changed}, changed)
    found = {path: g for path, g in found.items() if path[-1] not in spellings.OUTPUTS}
    return {path: g for path, g in found.items() if whole[path].ndim or not np.ndim(after[g])}


def returned(there: Mapping[Path, Any], gradients: Mapping[Path, Any]) -> dict[Path, Path]:
    """Return the same for what a backward returns: by names, or in order beside the gradients of floating arrays."""
    named = not all(isinstance(path[0], int) for path in gradients)
    whole = {path for path, x in there.items() if is_whole(x) and (named or isinstance(x, np.ndarray))}
    arrays = {path: np.zeros(np.shape(x)) for path, x in there.items() if path in whole or spellings.is_parameter(x)}
    return {path: g for path, g in spellings.returned(arrays, gradients).items() if path in whole}


def unchecked_of(there: Mapping[Path, Any], gradients: Mapping[Path, Path], after: Mapping[Path, Any]) -> list[Finding]:
    """Return what is said of whole numbers, given the paths of their gradients in `after`."""
    pairs = [(path, there[path], after[g]) for path, g in gradients.items()]
    return [unchecked(title(path), described(x)) for path, x, d in pairs if is_gradient(d, x)]
