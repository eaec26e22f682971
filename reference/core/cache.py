"""What a layer that decodes keeps between steps: the only things of the mathematics that change."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import expect_beside, on_host
from reference.core.shapes import expect_integers, expect_size, got
from reference.core.words import cut


class Cache:
    """The caches of a layer's parts, how many positions have passed, and for how many there is room.

    `starts` (B,), if there are any, are the positions at which the rows begin: what stands before is padding.
    """

    def __init__(self, layer: Any, batch: int, room: int, starts: Any = None, parts: tuple = ()) -> None:
        self.layer, self.batch, self.room, self.starts, self.parts = layer, batch, room, starts, parts
        self.length = 0

    def expect(self, where: str, name: str, x: Any) -> int:
        """Return the position of the first of x (B, T, ...).

        Raises:
            ValueError: x has another batch, or positions for which there is no room.
        """
        if x.shape[0] != self.batch:
            raise ValueError(f"{where}: {name} must have the batch of the cache, {self.batch}, got {x.shape[0]}")
        if self.length + x.shape[1] > self.room:
            stop = self.length + x.shape[1]
            raise ValueError(f"{where}: {name} must fit in the cache's room of {self.room} positions, got {cut(stop)}")
        return self.length

    def reorder(self, rows: np.ndarray) -> None:
        """Let row b go on from what was row rows[b]."""
        if self.starts is not None:
            self.starts = self.starts.take(rows, axis=0)

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` positions."""
        self.length = min(self.length, length)


class MemoryCache(Cache):
    """Keys and values (B, H, S, K) of a memory, and who of it is seen (B or 1, H or 1, 1, S)."""

    def __init__(self, layer: Any, room: int, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None) -> None:
        super().__init__(layer, len(k), room)
        self.k, self.v, self.mask = k, v, mask
        self.query, self.output = layer.query.ready(), layer.output.ready()

    def reorder(self, rows: np.ndarray) -> None:
        self.k, self.v = self.k.take(rows, axis=0), self.v.take(rows, axis=0)
        if self.mask is not None and len(self.mask) > 1:
            self.mask = self.mask.take(rows, axis=0)


def expect_cache(layer: Any, cache: Any) -> None:
    """Raise unless `cache`, with which `layer` is to step, is one that it made.

    Raises:
        TypeError: it is no cache.
        ValueError: another layer made it.
    """
    if not isinstance(cache, Cache):
        raise TypeError(f"{got(layer)}.step: cache must be what cache(batch, room) returned, got {got(cache)}")
    if cache.layer is not layer:
        must = "cache must be one that this layer made"
        raise ValueError(f"{got(layer)}.step: {must}, got one of another {got(cache.layer)}")


def expect_rows(where: str, batch: Any, room: Any, starts: Any = None, like: Any = None) -> None:
    """Raise unless these are the sizes of a cache, and the positions at which its rows begin.

    Raises:
        TypeError: a size is not a whole number, or `starts` is neither None nor an integer array like `like`.
        ValueError: a size is below 1, or the starts are not (B,) of [0, room].
    """
    expect_size(where, "batch", batch)
    expect_size(where, "room", room)
    if starts is None:
        return
    expect_integers(where, "starts", starts)
    if like is not None:
        expect_beside(where, "starts", starts, like)
    if starts.shape != (batch,):
        raise ValueError(f"{where}: starts must have shape ({batch},), got {starts.shape}")
    if on_host(starts) and (starts.min() < 0 or starts.max() > room):
        wrong = starts[(starts < 0) | (starts > room)][0]
        raise ValueError(f"{where}: starts must lie in [0, {room}], got {wrong}")


def begin(where: str, layer: Any, *sizes: Any, **options: Any) -> Any:
    """Return what a part of a layer keeps between steps: its cache, or its forward pass made ready.

    Raises:
        TypeError: the part neither steps from position to position nor works on each position alone.
    """
    if hasattr(layer, "step"):
        return layer.cache(*sizes, **options)
    if hasattr(layer, "ready"):
        return layer.ready()
    must = "a part must have a method step, or ready if it works on each position alone"
    raise TypeError(f"{where}: {must}, got {got(layer)}")


def go_on(layer: Any, x: np.ndarray, kept: Any) -> Any:
    """Return y of x, by what `begin` returned for the layer."""
    return layer.step(x, kept) if hasattr(layer, "step") else kept(x)


def expect_model(where: str, name: str, model: Any, *methods: str) -> None:
    """Raise unless `model` is an object with these methods: one that steps from token to token has cache and step.

    Raises:
        TypeError: it has not all of them, or is a class.
    """
    if isinstance(model, type) or not all(callable(getattr(model, method, None)) for method in methods):
        raise TypeError(f"{where}: {name} must be a model with {' and '.join(methods)}, got {got(model)}")


def walk(cache: Any) -> Iterator[Cache]:
    """Yield each cache among the parts of a cache, at any depth, itself the first."""
    if isinstance(cache, Cache):
        yield cache
    for part in cache.parts if isinstance(cache, Cache) else cache if isinstance(cache, tuple) else ():
        yield from walk(part)


def reorder(cache: Any, rows: np.ndarray) -> None:
    """Let each row b go on from what was row rows[b], as a beam does that forks."""
    for part in walk(cache):
        part.reorder(rows)


def rewind(cache: Any, length: int) -> None:
    """Forget all but the first `length` positions, as what was only proposed.

    Raises:
        ValueError: a ring has given some of them up.
    """
    for part in list(walk(cache)):
        part.rewind(length)


Ready = Callable[[np.ndarray], Any]  # x -> y, checked and laid out once for many calls
