"""Forward passes that return `(out, cache)`, with the backward pass that takes `(dout, cache)`."""

import inspect
from collections.abc import Callable
from typing import Any

from gradcheck.adapters.bound import Bound
from gradcheck.adapters.convert import callable_or_raise, own
from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.signatures import takes, written

CACHES = ("cache", "caches", "ctx", "context", "residuals", "saved")  # names of what is handed over last


class Cached(Bound):
    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        forward, _ = self.live(parameters)
        return self._outputs(forward, inputs, constants)[0]

    def run(
        self, forward: Callable, backward: Callable, inputs: tuple, constants: dict
    ) -> tuple[Any, Callable[[Any], Any]]:
        out, cache = self._outputs(forward, inputs, constants)
        apart = self._takes_apart(len(out) if isinstance(out, tuple) else 1)

        def pull(dout: Any) -> Any:
            try:
                return backward(*dout, cache) if apart else backward(dout, cache)
            except Exception as error:
                taken = f"with {len(dout)} cotangents, then the cache" if apart else "with dout first, then the cache"
                error.add_note(f"gradcheck: the backward of {self.name} is called {taken}")
                raise

        return out, pull

    def _outputs(self, forward: Callable, inputs: tuple, constants: dict) -> tuple[Any, Any]:
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


def cached(forward: Callable, backward: Callable) -> Adapted:
    """Check `forward(*inputs, **constants) -> (out, cache)` against `backward(dout, cache)`.

    Several outputs come as `(h, c, cache)`, with `backward(dh, dc, cache)`, or as one tuple in place of
    `out`.  The backward returns the bare cotangent for one input, a tuple with one for each for several,
    or the last of them by the inputs' names, `(dx, {"w": dw, "b": db})`, or in order, `(dx, [dw, db])`.
    Where the two are methods of one object, what comes so beside the cotangents of the inputs may also be
    the gradients of the object's arrays; then an array without one on which the output depends is a
    finding.  None for an input says that nothing depends on it.

    Raises:
        TypeError: one of the two is not callable, or the backward cannot be called with (dout, cache); at the check,
            a gradient has a name that is no input's and no array's of the object.

    >>> import gradcheck, numpy as np
    >>> subject = gradcheck.adapters.cached(lambda x: (x * x, x), lambda dy, x: 2 * x * dy)
    >>> gradcheck.check(subject, np.arange(3.0) + 1).verdict
    'pass'
    """
    callable_or_raise("forward", forward)
    callable_or_raise("backward", backward)
    few = not _takes(backward, 2) and (_takes(backward, 0) or _takes(backward, 1))
    if few or _takes_cache_first(backward):
        raise _refusal("(dout, cache)", backward)
    return Cached(forward, backward)


def _refusal(want: str, backward: Callable) -> TypeError:
    return TypeError(f"gradcheck: backward must take {want}, got {written(backward)}")


def _takes(function: Callable, count: int) -> bool:
    return takes(function, *range(count))


def _takes_cache_first(backward: Callable) -> bool:
    """Whether the names of the parameters say that the cache comes before the cotangents."""
    try:
        first, *rest = inspect.signature(backward).parameters
    except ValueError:  # a builtin without a signature, or a function that takes nothing
        return False
    return first in CACHES and bool(rest) and rest[0] not in CACHES
