"""Forward passes that return `(out, cache)`, with the backward pass that takes `(dout, cache)`."""

import inspect
from collections.abc import Callable
from typing import Any

from gradcheck.adapters.convert import callable_or_raise, own
from gradcheck.adapters.named import in_order
from gradcheck.subjects.adapted import Adapted, per_input
from gradcheck.subjects.owners import OfObjects, Owned


class Cached(OfObjects):
    def __init__(self, forward: Callable, backward: Callable):
        self._forward, self._backward, self._owned = forward, backward, Owned(forward, backward)
        self.name = getattr(forward, "__name__", type(forward).__name__)

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        forward, _ = self._owned.fresh()
        return self._run(forward, inputs, constants)[0]

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        forward, backward = self._owned.fresh()
        out, cache = self._run(forward, inputs, constants)
        apart = self._takes_apart(len(out) if isinstance(out, tuple) else 1)

        def pull(dout: Any) -> tuple[None, tuple]:
            cotangents = backward(*dout, cache) if apart else backward(dout, cache)
            return None, per_input(in_order(cotangents, inputs, self), inputs, self)

        return out, pull

    def _run(self, forward: Callable, inputs: tuple, constants: dict) -> tuple[Any, Any]:
        value = forward(*own(inputs), **own(constants))
        if isinstance(value, tuple) and len(value) >= 2:
            *outputs, cache = value
            return (outputs[0] if len(outputs) == 1 else tuple(outputs)), cache
        got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
        raise TypeError(
            f"gradcheck: {self.name} must return (out, cache), got {got}; "
            "for a forward pass that returns out alone use gradcheck.adapters.pair(forward, backward)"
        )

    def _takes_apart(self, count: int) -> bool:
        """Whether the backward takes each output's cotangent by itself, (dh, dc, cache), or all in a tuple."""
        if count > 1 and _takes(self._backward, count + 1):
            return True
        if not _takes(self._backward, 2):
            want = "(dout, cache)" if count == 1 else f"(dout, cache) or {count} cotangents and cache"
            raise _refusal(want, self._backward)
        return False

    def signature(self) -> Callable:
        return self._forward


def cached(forward: Callable, backward: Callable) -> Adapted:
    """Check `forward(*inputs, **constants) -> (out, cache)` against `backward(dout, cache)`.

    Several outputs come as `(h, c, cache)`, with `backward(dh, dc, cache)`, or as one tuple in place of
    `out`.  The backward returns the bare cotangent for one input, a tuple with one for each for several,
    or the last of them in a dictionary by the inputs' names: `(dx, {"w": dw, "b": db})`.

    Raises:
        TypeError: one of the two is not callable, or the backward cannot be called with (dout, cache).

    >>> import gradcheck, numpy as np
    >>> subject = gradcheck.adapters.cached(lambda x: (x * x, x), lambda dy, x: 2 * x * dy)
    >>> gradcheck.check(subject, np.arange(3.0) + 1).verdict
    'pass'
    """
    callable_or_raise("forward", forward)
    callable_or_raise("backward", backward)
    if not _takes(backward, 2) and (_takes(backward, 0) or _takes(backward, 1)):
        raise _refusal("(dout, cache)", backward)
    return Cached(forward, backward)


def _refusal(want: str, backward: Callable) -> TypeError:
    got = f"{getattr(backward, '__name__', type(backward).__name__)}{inspect.signature(backward)}"
    return TypeError(f"gradcheck: backward must take {want}, got {got}")


def _takes(function: Callable, count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except ValueError:  # a builtin without a signature takes what it gets
        return True
    except TypeError:
        return False
    return True
