"""A forward function and a backward function that belong together."""

from collections.abc import Callable
from typing import Any

from gradcheck.subjects import Adapted, per_input


class Pair(Adapted):
    def __init__(self, forward: Callable, backward: Callable):
        self._forward, self._backward = forward, backward
        self.name = getattr(forward, "__name__", type(forward).__name__)

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        return self._forward(*inputs, **constants)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y = self._forward(*inputs, **constants)
        return y, lambda dy: (None, per_input(self._backward(*inputs, dy, **constants), inputs, self))

    def signature(self) -> Callable:
        return self._forward


def pair(forward: Callable, backward: Callable) -> Adapted:
    """Check `forward(*inputs, **constants) -> y` against `backward(*inputs, dy, **constants)`.

    The backward returns the bare cotangent for one input, a tuple with one for each for several.

    Raises:
        TypeError: one of the two is not callable.
    """
    for role, function in (("forward", forward), ("backward", backward)):
        if not callable(function):
            raise TypeError(f"gradcheck: {role} must be callable, got {type(function).__name__}")
    return Pair(forward, backward)
