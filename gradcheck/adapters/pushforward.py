"""Functions that return `(y, pushforward)`, and what a pushforward owes its caller."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.convert import own
from gradcheck.subjects import alignment, trees
from gradcheck.subjects.adapted import Adapted, Broken, Push
from gradcheck.subjects.owners import Owned
from gradcheck.subjects.raised import is_write


class Pushforward(Adapted):
    """A function `f(*inputs, **constants) -> (y, pushforward)`; the pushforward takes a tangent for each input."""

    elsewhere = "gradients put together from tangents"

    def __init__(self, function: Callable):
        self._function, self._owned = function, Owned(function)
        self.name = getattr(function, "__name__", type(function).__name__)

    def signature(self) -> Callable:
        return self._function

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        return self.linearized(parameters, inputs, constants)[0]

    def linearized(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Push]:
        (function,) = self._owned.fresh()
        value = function(*own(inputs), **own(constants))
        if not (isinstance(value, tuple) and len(value) == 2 and callable(value[1])):
            got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
            raise TypeError(f"gradcheck: {self.name} must return (y, pushforward), got {got}")
        y, pushforward = value

        def tangents(directions: Sequence[np.ndarray]) -> list[Any]:
            rest = iter(directions)
            floating = [any(True for _ in trees.leaves(x, kinds="fc")) for x in inputs]
            pairs = zip(inputs, floating, strict=True)
            return [trees.rebuild(x, rest, kinds="fc") if moves else None for x, moves in pairs]

        def push(directions: Sequence[np.ndarray]) -> Any:
            try:
                return pushforward(*tangents([trees.read_only(d) for d in directions]))
            except ValueError as error:
                if not is_write(error):
                    raise
                pushforward(*tangents([d.copy() for d in directions]))  # raises again where it writes elsewhere
                raise Broken("mutation", "the pushforward writes to a tangent that it was given") from error

        return y, push


def column(y: Any, tangent: Any) -> np.ndarray:
    """Return a tangent of y as one vector.

    Raises:
        Broken: it has another structure, shape or kind than y.
    """
    y, tangent = (np.asarray(x) if isinstance(x, float) else x for x in (y, tangent))
    parts = []
    wanted, given = trees.leaves(y, "y"), alignment.align(y, tangent, "y")
    for (path, x), (_, t) in zip(wanted, given, strict=True):
        if t is alignment.MISSING or t is None:
            raise Broken("missing", f"forward mode must return a tangent of {path}, got nothing")
        if not isinstance(t, np.ndarray | np.generic | float) or np.asarray(t).dtype.kind != "f":
            got = f"dtype {t.dtype}" if isinstance(t, np.ndarray) else type(t).__name__
            raise Broken("dtype", f"the tangent of {path} must be an array of {x.dtype}, got {got}")
        if np.shape(t) != x.shape:
            raise Broken("shape", f"the tangent of {path} must have shape {x.shape}, got {np.shape(t)}")
        parts.append(np.array(t).ravel())
    return np.concatenate(parts)
