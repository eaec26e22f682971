"""A forward function and a backward function that belong together."""

from collections.abc import Callable
from typing import Any

from gradcheck.adapters.convert import callable_or_raise, own
from gradcheck.adapters.named import in_order
from gradcheck.subjects.adapted import Adapted, per_input
from gradcheck.subjects.owners import OfObjects, Owned


class Pair(OfObjects):
    def __init__(self, forward: Callable, backward: Callable):
        self._forward, self._owned = forward, Owned(forward, backward)
        self.name = getattr(forward, "__name__", type(forward).__name__)

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        forward, _ = self._owned.fresh()
        return forward(*own(inputs), **own(constants))

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        forward, backward = self._owned.fresh()
        y = forward(*own(inputs), **own(constants))

        def pull(dy: Any) -> tuple[None, tuple]:
            cotangents = backward(*own(inputs), dy, **own(constants))
            return None, per_input(in_order(cotangents, inputs, self), inputs, self)

        return y, pull

    def signature(self) -> Callable:
        return self._forward


def pair(forward: Callable, backward: Callable) -> Adapted:
    """Check `forward(*inputs, **constants) -> y` against `backward(*inputs, dy, **constants)`.

    The backward returns the bare cotangent for one input, a tuple with one for each for several, or the
    last of them in a dictionary by the inputs' names: `(dx, {"w": dw, "b": db})`.

    Raises:
        TypeError: one of the two is not callable.

    >>> import gradcheck, numpy as np
    >>> subject = gradcheck.adapters.pair(lambda x, y: x * y, lambda x, y, dz: (y * dz, y * dz))    # x for dy forgotten
    >>> [(g.name, g.verdict) for g in gradcheck.check(subject, np.ones(3), np.arange(3.0) + 2).gradients]
    [('x', 'pass'), ('y', 'fail')]
    """
    callable_or_raise("forward", forward)
    callable_or_raise("backward", backward)
    return Pair(forward, backward)
