"""JAX's way to batch, `jax.vmap`: of a pullback, and of a function."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.batches import Arrays, Results, Trial


def jax_trial(
    jax: Any,
    names: Sequence[str],
    make: Callable[[Arrays], list[Any]],
    outputs: Callable[..., list[Any]],
    array: Callable[[Any], np.ndarray],
) -> Trial:
    """Return the trial of a function: `make` makes arrays of JAX, `outputs` the outputs of such, `array` NumPy's."""

    def cotangents(ys: Sequence[Any], seed: int) -> list[Any]:
        drawn = [np.random.default_rng(seed).normal(size=y.shape) for y in ys]
        return [jax.numpy.asarray(dy, y.dtype) for dy, y in zip(drawn, ys, strict=True)]

    def stacked(ys: Sequence[Any], seeds: Sequence[int]) -> list[Any]:
        columns = zip(*(cotangents(ys, seed) for seed in seeds), strict=True)
        return [jax.numpy.stack(column) for column in columns]

    def results(ys: Sequence[Any], ds: Sequence[Any]) -> Results:
        return [array(y) for y in ys], [array(d) for d in ds]

    def single(arrays: Arrays, seed: int) -> Results:
        ys, pullback = jax.vjp(outputs, *make(arrays))
        return results(ys, pullback(cotangents(ys, seed)))

    def of_a_pullback(arrays: Sequence[Arrays], seeds: Sequence[int]) -> Results:
        ys, pullback = jax.vjp(outputs, *make(arrays[0]))
        repeated = [jax.numpy.stack([y] * len(seeds)) for y in ys]
        return results(repeated, jax.vmap(pullback)(stacked(ys, seeds)))

    def of_points(arrays: Sequence[Arrays], seeds: Sequence[int]) -> Results:
        made = [jax.numpy.stack(column) for column in zip(*map(make, arrays), strict=True)]
        shapes = jax.eval_shape(outputs, *make(arrays[0]))

        def both(leaves: list[Any], dys: list[Any]) -> tuple[Any, Any]:
            ys, pullback = jax.vjp(outputs, *leaves)
            return ys, pullback(dys)

        return results(*jax.vmap(both)(made, stacked(shapes, seeds)))

    return Trial(names, single, {"jax.vmap of jax.vjp": of_a_pullback}, {"jax.vmap": of_points})
