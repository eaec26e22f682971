"""Layers whose backward pass has one bug that can be switched off: the right version shows it is the only error."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np


class Pairs:
    """The layers of a file, with the generator of their numbers; `register` hands them over, with bugs or without."""

    def __init__(self, seed: int) -> None:
        self._layers: list[tuple] = []
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=shape)

    def bug(self, kind: str, forward: Callable, *inputs: Any) -> Callable:
        """Take the decorated backward(*inputs, dy, bug) for that of `forward`, with a bug of this class."""

        def add(backward: Callable) -> Callable:
            self._layers.append((backward.__name__.replace("_", " "), kind, forward, backward, inputs))
            return backward

        return add

    def register(self, found: Callable, bug: bool = True) -> None:
        for name, kind, forward, backward, inputs in self._layers:
            found(name, kind, forward, partial(backward, bug=bug), *inputs)
