"""What may be handed over as it is: an object with `vjp`, or a function that returns `(y, pullback)`."""

from collections.abc import Callable
from typing import Any

from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, Broken, names, per_input
from gradcheck.subjects.owners import Owned
from gradcheck.subjects.refusals import no_pullback, no_subject


class LayerSubject(Adapted):
    """An object with `vjp(*inputs, **constants) -> (y, pullback)`; the pullback returns its own cotangent first."""

    def __init__(self, layer: Any):
        self.parameters, self.name = layer, type(layer).__name__
        self._holds_arrays = any(True for _ in trees.leaves(layer))  # as given: a forward pass may leave some in it

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        if callable(parameters):
            return parameters(*inputs, **constants)
        return super().forward(parameters, inputs, constants)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, pullback = _two(parameters.vjp(*inputs, **constants), f"{self.name}.vjp", None)

        def pull(dy: Any) -> tuple[Any, Any]:
            cotangents = pullback(dy)
            if not isinstance(cotangents, tuple):
                got = type(cotangents).__name__
                raise Broken("count", f"the pullback must return a tuple with the layer's cotangent first, got {got}")
            if len(cotangents) == len(inputs) and not self._holds_arrays:
                return None, cotangents
            if len(cotangents) != 1 + len(inputs):
                want = ", ".join(["the layer", *names(self, inputs)])
                raise Broken(
                    "count", f"the pullback must return {1 + len(inputs)} cotangents ({want}), got {len(cotangents)}"
                )
            return cotangents[0], cotangents[1:]

        return y, pull

    def signature(self) -> Callable:
        return self.parameters.vjp


class FunctionSubject(Adapted):
    """A function `f(*inputs, **constants) -> (y, pullback)`; one input has a bare cotangent, several a tuple."""

    def __init__(self, function: Callable):
        self.function, self.name = function, getattr(function, "__name__", type(function).__name__)
        self._owned = Owned(function)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        (function,) = self._owned.fresh()
        y, pullback = _two(function(*inputs, **constants), self.name, self.function)
        return y, lambda dy: (None, per_input(pullback(dy), inputs, self))

    def signature(self) -> Callable:
        return self.function


def adapt(subject: Any) -> Adapted:
    """Bring what the user wrote into one shape.

    Raises:
        TypeError: the subject is neither callable nor has a method `vjp`.
    """
    if isinstance(subject, Adapted):
        return subject
    if callable(getattr(subject, "vjp", None)) and not isinstance(subject, type):
        return LayerSubject(subject)
    if callable(subject) and not isinstance(subject, type):
        return FunctionSubject(subject)
    raise no_subject(subject)


def _two(value: Any, name: str, subject: Any) -> tuple[Any, Callable]:
    if isinstance(value, tuple) and len(value) == 2 and callable(value[1]):
        return value
    raise no_pullback(subject, name, value)
