"""What every attention layer of a model looks at."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.layer import Layer
from reference.layers.attention import MultiHeadAttention
from reference.layers.grouped_attention import GroupedAttention


class Watched(Layer):
    """An attention layer that shows its weights to `note` and is otherwise as it was."""

    inner: MultiHeadAttention | GroupedAttention
    note: Callable[[np.ndarray], None]

    def vjp(self, x: np.ndarray, *memory: np.ndarray, mask: np.ndarray | None = None) -> tuple[Any, Callable]:
        inner: Any = self.inner
        (y, w), pullback = inner.vjp(x, *memory, mask=mask, weights=True)
        self.note(w)
        return y, lambda dy: pullback((dy, np.zeros_like(w)))


def attention_maps(model: Any, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weights (B, H, T, S) of each attention layer, by its path, in the order of use."""
    maps: dict[str, np.ndarray] = {}
    _watched(model, maps.__setitem__)(**inputs)
    return maps


def _watched(node: Any, note: Callable[[str, np.ndarray], None], path: str = "") -> Any:
    """Return the tree with each attention layer in it watched."""
    if isinstance(node, MultiHeadAttention | GroupedAttention):
        return Watched(inner=node, note=functools.partial(note, path))
    if isinstance(node, tuple):
        return tuple(_watched(entry, note, f"{path}[{i}]") for i, entry in enumerate(node))
    if isinstance(node, Layer):
        names = [field.name for field in dataclasses.fields(node)]  # type: ignore[arg-type]
        inner = {n: _watched(getattr(node, n), note, f"{path}.{n}" if path else n) for n in names}
        return type(node)(**inner)
    return node
