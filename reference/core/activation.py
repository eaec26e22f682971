"""What a layer may be given for an activation."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

# The vjp of a function that works entry by entry: x -> (y, pullback), with y and pullback(dy) of the shape of x.
Activation: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]]


def expect_activation(where: str, activation: Any) -> None:
    """Raise unless `activation` is the vjp of a function.

    Given `relu` in place of `relu_vjp`, a layer would take a batch of two for an output and its pullback.

    Raises:
        TypeError: `activation` is not callable, or returns something else than (y, pullback).
    """
    if not callable(activation):
        raise TypeError(f"{where}: activation must be callable, such as relu_vjp, got {type(activation).__name__}")
    _expect_pair(where, activation)


@functools.lru_cache(maxsize=64)  # every forward pass asks, and the answer costs as much as a small layer
def _expect_pair(where: str, activation: Activation) -> None:
    got: Any = activation(np.zeros(0))
    if not (isinstance(got, tuple) and len(got) == 2 and callable(got[1])):
        name = getattr(activation, "__name__", type(activation).__name__)
        raise TypeError(f"{where}: activation must return (y, pullback), got {type(got).__name__} from {name}")
