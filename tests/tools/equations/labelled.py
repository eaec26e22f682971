"""Arrays whose axes have names, and what is done with them: index letters, or axes of the Shapes table."""

from dataclasses import dataclass

import numpy as np


class Unevaluated(Exception):
    """An equation cannot be evaluated, and why."""


@dataclass(frozen=True)
class Labelled:
    """An array with a label for each axis, and the size of the terms that were added to make each entry."""

    values: np.ndarray
    labels: tuple = ()
    scale: np.ndarray | None = None

    def __post_init__(self):
        if not hasattr(self.values, "ndim"):  # one object, of an array without axes
            object.__setattr__(self, "values", np.asarray(self.values, object))
        if self.values.ndim != len(self.labels) or len(set(self.labels)) != len(self.labels):
            raise Unevaluated(f"axes {self.labels} do not fit the shape {self.values.shape}")

    @property
    def size(self):
        """The scale of each entry; where none was kept, its own size."""
        return magnitude(self.values) if self.scale is None else self.scale

    def over(self, labels):
        """The same with its axes in the order of `labels`, 1 where it has none."""
        order = [self.labels.index(label) for label in labels if label in self.labels]
        lengths = dict(zip(self.labels, self.values.shape, strict=True))
        shape = [lengths.get(label, 1) for label in labels]
        scale = None if self.scale is None else self.scale.transpose(order).reshape(shape)
        return Labelled(self.values.transpose(order).reshape(shape), tuple(labels), scale)


def magnitude(values):
    """The sizes of numbers, 0 of those that are not finite; of numbers that are no floats, nothing is kept."""
    if values.dtype == object:
        return None
    return np.where(np.isfinite(values), np.abs(values), 0.0)


def together(*arrays):
    """The arrays over all labels that one of them has, and these labels."""
    labels = tuple(dict.fromkeys(label for array in arrays for label in array.labels))
    return [array.over(labels) for array in arrays], labels


def lengths_of(*arrays):
    return {label: n for array in arrays for label, n in zip(array.labels, array.values.shape, strict=True)}


def fitted(value, axes, lengths):
    """An array as one over `axes`: leading axes (...) as one, those of length 1 where the page has a name spread out.

    None if it has another shape.
    """
    names = tuple(axis for axis in axes if axis != "1")
    labels = tuple(name + "'" * names[:k].count(name) for k, name in enumerate(names))  # (D, D) as D and D'
    if isinstance(value, list | tuple | dict | str):
        return None
    value = np.asarray(value)
    if value.dtype == object or not all(axis in lengths for axis in names if axis != "..."):
        return None
    want = [lengths[axis] for axis in names if axis != "..."]
    if value.ndim < len(names) and "..." not in names:
        spread = [1] * (len(names) - value.ndim) + list(value.shape)
        if all(n in (1, w) for n, w in zip(spread, want, strict=True)):
            return Labelled(np.broadcast_to(value, want), labels)
    rest = lengths.get("...")
    if "..." in names:
        count = int(np.prod(want))
        if rest is None:
            rest = value.size // count if count else None
        if rest is None:
            return None
        want.insert(names.index("..."), rest)
    if "..." not in names and value.ndim == len(names):
        if all(n in (1, w) for n, w in zip(value.shape, want, strict=True)):
            return Labelled(np.broadcast_to(value, want), labels)
    elif value.ndim == len(axes) and "..." not in axes:
        kept = [n for n, axis in zip(value.shape, axes, strict=True) if axis != "1"]
        if all(n in (1, w) for n, w in zip(kept, want, strict=True)) and value.size == np.prod(kept):
            return Labelled(np.broadcast_to(value.reshape(kept), want), labels)
    if value.size == np.prod(want):
        return Labelled(value.reshape(want), labels)
    return None
