"""Attention from position to position, with the keys and values so far kept.  Specification: specs/layers/cache.md.

B batch, H heads, G key and value heads, T new positions, R ring: slots for positions, K head width, W width of a value.
"""

from typing import Any

import numpy as np

from reference.core.arrays import integers
from reference.core.cache import Cache, expect_cache
from reference.core.memory import kept
from reference.core.products import side_by_side
from reference.core.shapes import expect_shape
from reference.core.sums import row_maxima
from reference.functions.alibi import alibi_slopes
from reference.functions.attend import attend
from reference.functions.blockwise import LONG, blockwise
from reference.functions.softcap import softcap


class KeyValueCache(Cache):
    """Keys (B, G, R, K) and values (B, G, R, W) of the last R positions, position p in slot p mod R."""

    k: np.ndarray
    v: np.ndarray
    behind: np.ndarray

    def __init__(self, layer: Any, batch: int, room: int, starts: np.ndarray | None = None) -> None:
        """Make room for `room` positions, or for the `window` that a query of `layer` sees of them."""
        super().__init__(layer, batch, room, starts)
        width = layer.query.w.shape[1] // layer.heads
        groups = layer.key.w.shape[1] // width
        self.heads = layer.heads, groups, width
        self.slopes = alibi_slopes(layer.heads, like=layer.key.w) if getattr(layer, "alibi", False) else None
        norms = getattr(layer, "query_norm", None), getattr(layer, "key_norm", None)
        options = (getattr(layer, name, None) for name in ("rotary", "window", "cap", "relative", "scale"))
        self.rotary, self.window, self.cap, self.relative, self.scale = options
        if self.relative is not None:  # of a key by how far it is behind: (H, room)
            last = self.relative(queries=range(self.room - 1, self.room), keys=range(self.room))
            self.behind = last[0, :, 0, ::-1].copy()
        self.ring = self.room if self.window is None else min(self.room, int(self.window))
        shape, widths = (self.batch, groups, self.ring), (width, layer.value.w.shape[1] // groups)
        self.k, self.v = (kept(layer.key.w, (*shape, n)) for n in widths)
        self.project, self.output = side_by_side(layer.query, layer.key, layer.value), layer.output.ready()
        self.query_norm, self.key_norm = (None if norm is None else norm.ready() for norm in norms)

    def push(self, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, range]:
        """Keep k and v (B, G, T, K) of the next T positions; return those that they may see, and their positions."""
        start, more, ring = self.length, k.shape[2], self.ring
        stop = start + more
        self.length = stop
        if stop <= ring:
            self.k[:, :, start:stop], self.v[:, :, start:stop] = k, v
            return self.k[:, :, :stop], self.v[:, :, :stop], range(stop)
        before = range(max(start - ring + 1, 0), start)     # what the first of them sees besides itself
        k, v = (np.concatenate([*self._slots(z, before), new], axis=2) for z, new in ((self.k, k), (self.v, v)))
        seen = range(before.start, stop)
        for z, new in ((self.k, k), (self.v, v)):
            last = new[:, :, max(len(seen) - ring, 0) :]
            turn = (stop - last.shape[2]) % ring
            z[:, :, turn:] = last[:, :, : ring - turn]
            z[:, :, :turn] = last[:, :, ring - turn :]
        return k, v, seen

    def push_one(self, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keep k and v (B, G, K) of the next position t; return what it sees, in the order of slots."""
        t, keys, values = self.length, self.k, self.v
        self.length = t + 1
        if t + 1 < self.ring:
            keys, values = keys[:, :, : t + 1], values[:, :, : t + 1]
        r = t % self.ring                                                       # ()            # (cache.1)
        keys[:, :, r] = k                                                       # (B, G, R, K)  # (cache.2)
        values[:, :, r] = v                                                     # (B, G, R, K)  # (cache.3)
        return keys, values

    def reorder(self, rows: np.ndarray) -> None:
        super().reorder(rows)
        self.k, self.v = self.k.take(rows, axis=0), self.v.take(rows, axis=0)

    def rewind(self, length: int) -> None:
        if length < self.length > self.ring:
            raise ValueError(f"rewind: length must be {self.length}, since a ring has given others up, got {length}")
        super().rewind(length)

    def _slots(self, z: np.ndarray, positions: range) -> list[np.ndarray]:
        """Return slices of z (B, G, R, K) that hold these positions, in their order."""
        if not positions:
            return []
        first, last = positions.start % self.ring, positions[-1] % self.ring
        return [z[:, :, first : last + 1]] if first <= last else [z[:, :, first:], z[:, :, : last + 1]]


def attend_once(
    q: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    cap: float | None = None,
    bias: np.ndarray | None = None,
    slopes: np.ndarray | None = None,
    distance: np.ndarray | None = None,
    scale: float | None = None,
) -> np.ndarray:
    """Map one query of each head, q (B, H, K), keys (B, G, R, K) and values (B, G, R, W) to o (B, H, W).

    `mask` (B or 1, H or 1, R) is True where a key is seen; a query that sees none, or for which there is none,
    has output 0.
    `bias` (H, R) is added to the scores; `slopes` (H,) times `distance` (R,), which goes by the slot, is
    taken off.  `scale` is K^(-1/2) unless given.
    """
    batch, heads, width = q.shape
    groups, slots = keys.shape[1:3]
    scale = width ** -0.5 if scale is None else float(scale)
    scaled = (q * scale).reshape(batch, groups, heads // groups, width)
    s = (scaled @ keys.swapaxes(-1, -2)).reshape(batch, heads, slots)           # (B, H, R)     # (cache.6)
    if cap is not None:
        s = softcap(s, cap=cap)                                                 # (B, H, R)     # (cache.7)
    if bias is not None:
        s = s + bias                                                            # (B, H, R)     # (cache.12)
    if slopes is not None and distance is not None:
        s = s - slopes.astype(s.real.dtype)[:, None] * distance.astype(s.real.dtype)            # (cache.8)
    if mask is not None:
        np.copyto(s, -np.inf, where=~mask)                                      # (B, H, R)     # (cache.9)
    e = s - row_maxima(s.real, LEAST)
    np.exp(e, out=e)                                                            # (B, H, R)     # (cache.10)
    y = e.reshape(batch, groups, heads // groups, slots) @ values               # (B, G, H / G, W)
    z = e.sum(axis=-1, keepdims=True)                                           # (B, H, 1)
    least = z if mask is None and slots else np.maximum(z, 0.5)  # where all of one key or more is seen, at least 1
    o = y.reshape(batch, heads, values.shape[3]) / least                        # (B, H, W)     # (cache.11)
    return o


LEAST = -1e30  # no score that is finite lies below it: a row that sees nothing has sum 0, all others at least 1


def attend_to_cache(q: np.ndarray, k: np.ndarray, v: np.ndarray, cache: KeyValueCache) -> np.ndarray:
    """Map q (B, T, H, K), k and v (B, T, G, K) of the next positions to o (B, T, H, K); k and v are kept."""
    t, more, starts = cache.length, q.shape[1], cache.starts
    mask = bias = None
    distance: Any = None
    if more == 1:
        keys, values = cache.push_one(k[:, 0], v[:, 0])
        if starts is not None or cache.slopes is not None or cache.relative is not None:
            distance = (t - integers(range(keys.shape[2]), q)) % cache.ring     # (R,)          # (cache.4)
        if starts is not None:
            mask = (distance <= t - starts[:, None])[:, None]                   # (B, 1, R)     # (cache.5)
        if cache.relative is not None:
            bias = cache.behind.take(distance, axis=1)                          # (H, R)
        options: dict[str, Any] = {"cap": cache.cap, "slopes": cache.slopes, "scale": cache.scale}
        return attend_once(q[:, 0], keys, values, mask=mask, bias=bias, distance=distance, **options)[:, None]
    keys, values, seen = cache.push(k.swapaxes(1, 2), v.swapaxes(1, 2))
    kernel = attend if more * len(seen) < LONG * LONG else blockwise
    if starts is not None:
        mask = (integers(seen, q) >= starts[:, None])[:, None, None]            # (B, 1, 1, S)
    biases = () if cache.relative is None else (cache.relative(queries=range(t, t + more), keys=seen),)
    rules: dict[str, Any] = {"window": cache.window, "cap": cache.cap, "slopes": cache.slopes, "scale": cache.scale}
    return kernel(q.swapaxes(1, 2), keys, values, *biases, mask=mask, causal=True, **rules).swapaxes(1, 2)


def step(layer: Any, x: np.ndarray, cache: Any) -> np.ndarray:
    """Map the next x (B, T, D) to y (B, T, D), as self-attention under a causal mask does.

    Raises:
        TypeError: x is not floating or complex, or cache no cache.
        ValueError: cache is that of another layer or batch, or has no room for x.
    """
    where = f"{type(layer).__name__}.step"
    expect_cache(layer, cache)
    expect_shape(where, "x", x, ("B", "T", layer.query.w.shape[0]))
    start, (batch, more, _) = cache.expect(where, "x", x), x.shape
    heads, groups, width = cache.heads
    z, columns = cache.project(x), (heads + groups) * width
    qk = z[..., :columns].reshape(batch, more, heads + groups, width)
    v = z[..., columns:].reshape(batch, more, groups, cache.v.shape[3])
    if cache.query_norm is not None or cache.key_norm is not None:
        q, k = qk[:, :, :heads], qk[:, :, heads:]
        q = q if cache.query_norm is None else cache.query_norm(q)
        k = k if cache.key_norm is None else cache.key_norm(k)
        qk = np.concatenate([q, k], axis=2)
    if cache.rotary is not None:
        qk = cache.rotary(qk.swapaxes(1, 2), start=start).swapaxes(1, 2)
    o = attend_to_cache(qk[:, :, :heads], qk[:, :, heads:], v, cache)
    return cache.output(o.reshape(batch, more, heads * o.shape[3]))
