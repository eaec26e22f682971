"""What every attention layer of a model looks at, recomputed beside the model's own forward pass."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core.layer import Layer
from reference.functions.alibi import alibi_slopes
from reference.functions.softmax import softmax
from reference.layers.attention import MultiHeadAttention, attention_vjp, split_heads
from reference.layers.grouped_attention import GroupedAttention


class Watched(Layer):
    """An attention layer that shows its weights to `note` and is otherwise as it was."""

    inner: MultiHeadAttention | GroupedAttention
    note: Callable[[np.ndarray], None]

    def vjp(self, x: np.ndarray, *memory: np.ndarray, mask: np.ndarray | None = None) -> tuple[Any, Callable]:
        inner: Any = self.inner
        if isinstance(inner, GroupedAttention):
            self.note(grouped_weights(inner, x, mask))
        else:
            self.note(weights(inner, x, memory[0] if memory else x, mask))
        return inner.vjp(x, *memory, mask=mask)


def weights(layer: MultiHeadAttention, x: np.ndarray, memory: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the shares (B, H, T, S) in which queries x (B, T, D) look at memory (B, S, D)."""
    q = split_heads(layer.query(x), layer.heads)        # (B, H, T, K)
    k = split_heads(layer.key(memory), layer.heads)     # (B, H, S, K)
    s = q.shape[-1] ** -0.5 * (q @ k.swapaxes(-1, -2))  # (B, H, T, S)
    return softmax(s if mask is None else np.where(mask, s, -np.inf))


def grouped_weights(layer: GroupedAttention, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the shares (B, H, T, T) in which positions of x (B, T, D) look at each other.

    They are what attention makes of values that are the unit vectors, as many at once as a head is wide.
    """
    q = split_heads(layer.query(x), layer.heads)                 # (B, H, T, K)
    k = split_heads(layer.key(x), layer.key_value_heads)         # (B, G, T, K)
    q = q if layer.query_norm is None else layer.query_norm(q)
    k = k if layer.key_norm is None else layer.key_norm(k)
    if layer.rotary is not None:
        q, k = layer.rotary(q), layer.rotary(k)
    slopes = alibi_slopes(layer.heads, like=q) if layer.alibi else None
    options: dict[str, Any] = {"causal": layer.causal, "window": layer.window, "cap": layer.cap, "slopes": slopes}
    length, width = x.shape[1], k.shape[3]
    unit = np.eye(length, -(-length // width) * width, dtype=x.dtype)
    shares = [
        attention_vjp(q, k, np.broadcast_to(v, k.shape).copy(), mask=mask, **options)[0]
        for v in np.split(unit, unit.shape[1] // width, axis=1)
    ]
    return np.concatenate(shares, axis=-1)[..., :length]


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
