"""A forward function and a backward function that belong together."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.adapters.bound import Bound
from gradcheck.adapters.convert import callable_or_raise, own
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, names
from gradcheck.subjects.raised import in_one_line
from gradcheck.subjects.signatures import takes, written

COTANGENTS = ("dy", "dout", "d_out", "grad_out", "grad_output", "upstream", "cotangent")  # names that dy has
CACHED = "gradcheck.adapters.cached(forward, backward)"
LOSS = "gradcheck.adapters.value_and_grad(lambda *inputs: (forward(*inputs), backward(*inputs)))"


class Pair(Bound):
    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        named = names(self, inputs)
        if not takes(self._backward, *inputs, None, **constants) or _takes_dy_first(self._backward, named):
            want = ", ".join([*named, "dy", *constants])
            ending = f"; for a gradient without dy use {LOSS}" if takes(self._backward, *inputs, **constants) else ""
            raise TypeError(f"gradcheck: backward must take ({want}), got {written(self._backward)}{ending}")
        return super().prepare(inputs, constants)

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        forward, _ = self.live(parameters)
        return forward(*own(inputs), **own(constants))

    def run(
        self, forward: Callable, backward: Callable, inputs: tuple, constants: dict
    ) -> tuple[Any, Callable[[Any], Any]]:
        y = forward(*own(inputs), **own(constants))

        def pull(dy: Any) -> Any:
            try:
                return backward(*own(inputs), dy, **own(constants))
            except Exception as error:
                if not isinstance(y, tuple):
                    raise
                want = f"the backward of {self.name} must take dy as a tuple of {len(y)}, which the forward returns"
                if _holds_a_cache(y, inputs):
                    got = f"{in_one_line(error)}; for (out, cache) use {CACHED}"
                    raise TypeError(f"gradcheck: {want}, got {got}") from error
                error.add_note(f"gradcheck: {want}; for (out, cache) use {CACHED}")
                raise

        return y, pull


def _holds_a_cache(y: tuple, inputs: tuple) -> bool:
    """Whether what is returned last is an input, or holds one, or is no array: kept, not an output."""
    given = {id(x) for _, x in trees.ends(inputs)}
    return not isinstance(y[-1], np.ndarray | np.generic | float) or id(y[-1]) in given


def _takes_dy_first(backward: Callable, named: list[str]) -> bool:
    """Whether the names of the parameters say that dy comes before the inputs."""
    try:
        found = list(inspect.signature(backward).parameters)
    except ValueError:  # a builtin without a signature
        return False
    return len(found) > 1 and found[0] in COTANGENTS and found[0] not in named and found[-1] not in COTANGENTS


def pair(forward: Callable, backward: Callable) -> Adapted:
    """Check `forward(*inputs, **constants) -> y` against `backward(*inputs, dy, **constants)`.

    The backward returns the bare cotangent for one input, a tuple with one for each for several, or the
    last of them by the inputs' names, `(dx, {"w": dw, "b": db})`, or in order, `(dx, [dw, db])`.  Where the
    two are methods of one object, what comes so beside the cotangents of the inputs may also be the
    gradients of the object's arrays; then an array without one on which the output depends is a finding.
    None for an input says that nothing depends on it.

    Raises:
        TypeError: one of the two is not callable; at the check, the backward cannot be called with (*inputs, dy), or
            a gradient has a name that is no input's and no array's of the object.

    >>> import gradcheck, numpy as np
    >>> subject = gradcheck.adapters.pair(lambda x, y: x * y, lambda x, y, dz: (y * dz, y * dz))    # x for dy forgotten
    >>> [(g.name, g.verdict) for g in gradcheck.check(subject, np.ones(3), np.arange(3.0) + 2).gradients]
    [('x', 'pass'), ('y', 'fail')]
    """
    callable_or_raise("forward", forward)
    callable_or_raise("backward", backward)
    return Pair(forward, backward)
