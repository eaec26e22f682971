"""Forward passes that return `(out, cache)`, with the backward pass that takes `(dout, cache)`."""

import inspect
from collections.abc import Callable
from typing import Any

from gradcheck.adapters.convert import callable_or_raise, own
from gradcheck.subjects import Adapted, per_input


class Cached(Adapted):
    def __init__(self, forward: Callable, backward: Callable):
        self._forward, self._backward = forward, backward
        self.name = getattr(forward, "__name__", type(forward).__name__)

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        return self._run(inputs, constants)[0]

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        out, cache = self._run(inputs, constants)
        return out, lambda dout: (None, per_input(self._backward(dout, cache), inputs, self))

    def _run(self, inputs: tuple, constants: dict) -> tuple[Any, Any]:
        value = self._forward(*own(inputs), **own(constants))
        if isinstance(value, tuple) and len(value) == 2:
            return value
        got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
        raise TypeError(
            f"gradcheck: {self.name} must return (out, cache), got {got}; "
            "for a forward pass that returns out alone use gradcheck.adapters.pair(forward, backward)"
        )

    def signature(self) -> Callable:
        return self._forward


def cached(forward: Callable, backward: Callable) -> Adapted:
    """Check `forward(*inputs, **constants) -> (out, cache)` against `backward(dout, cache)`.

    The backward returns the bare cotangent for one input, a tuple with one for each for several.

    Raises:
        TypeError: one of the two is not callable, or the backward cannot be called with (dout, cache).
    """
    callable_or_raise("forward", forward)
    callable_or_raise("backward", backward)
    try:
        inspect.signature(backward).bind("dout", "cache")
    except ValueError:  # a builtin without a signature
        pass
    except TypeError as error:
        got = f"{getattr(backward, '__name__', type(backward).__name__)}{inspect.signature(backward)}"
        raise TypeError(f"gradcheck: backward must take (dout, cache), got {got}") from error
    return Cached(forward, backward)
