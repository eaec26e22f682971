"""What every attention layer of a model looks at, recomputed beside the model's own forward pass."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.layer import Layer
from reference.functions.softmax import softmax
from reference.layers.attention import MultiHeadAttention, split_heads


class Watched(Layer):
    """An attention layer that shows its weights to `note` and is otherwise as it was."""

    inner: MultiHeadAttention
    note: Callable[[np.ndarray], None]

    def vjp(self, x: np.ndarray, *memory: np.ndarray, mask: np.ndarray | None = None) -> tuple[Any, Callable]:
        self.note(weights(self.inner, x, memory[0] if memory else x, mask))
        return self.inner.vjp(x, *memory, mask=mask)


def weights(layer: MultiHeadAttention, x: np.ndarray, memory: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the shares (B, H, T, S) in which queries x (B, T, D) look at memory (B, S, D)."""
    q = split_heads(layer.query(x), layer.heads)        # (B, H, T, K)
    k = split_heads(layer.key(memory), layer.heads)     # (B, H, S, K)
    s = q.shape[-1] ** -0.5 * (q @ k.swapaxes(-1, -2))  # (B, H, T, S)
    return softmax(s if mask is None else np.where(mask, s, -np.inf))


def attention_maps(model: Any, *, source: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weights (B, H, T, S) of each attention layer, by its path, in the order of use."""
    maps: dict[str, np.ndarray] = {}
    _watched(model, maps.__setitem__)(source=source, target=target)
    return maps


def _watched(node: Any, note: Callable[[str, np.ndarray], None], path: str = "") -> Any:
    """Return the tree with each attention layer in it watched."""
    if isinstance(node, MultiHeadAttention):
        return Watched(inner=node, note=functools.partial(note, path))
    if isinstance(node, tuple):
        return tuple(_watched(entry, note, f"{path}[{i}]") for i, entry in enumerate(node))
    if isinstance(node, Layer):
        names = [field.name for field in dataclasses.fields(node)]  # type: ignore[arg-type]
        inner = {n: _watched(getattr(node, n), note, f"{path}.{n}" if path else n) for n in names}
        return type(node)(**inner)
    return node
