"""What may be handed over as it is: an object with `vjp`, or a function that returns `(y, pullback)`."""

from collections.abc import Callable
from typing import Any

from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, Broken, names, per_input
from gradcheck.subjects.owners import OfObjects, Owned
from gradcheck.subjects.refusals import library, no_pullback, no_subject, two_functions
from gradcheck.subjects.signatures import takes


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
            return self._split(pullback(dy), inputs)

        return y, pull

    def _split(self, cotangents: Any, inputs: tuple) -> tuple[Any, tuple]:
        """Return the cotangent of the layer, which one without arrays may leave out, and those of the inputs."""
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

    def twice(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable] | None:
        y, pullback = parameters.vjp(*inputs, **constants)
        if not callable(getattr(pullback, "vjp", None)):
            return None

        def second(dy: Any) -> tuple[tuple[Any, tuple], Callable]:
            gradients, second_pullback = _with_second(pullback.vjp(dy))
            without = isinstance(gradients, tuple) and len(gradients) == len(inputs) and not self._holds_arrays

            def pull(d_gradients: tuple[Any, tuple]) -> tuple[Any, tuple, Any]:
                d_layer, d_inputs = d_gradients
                *front, d_dy = _with_dy(second_pullback(d_inputs if without else (d_layer, *d_inputs)))
                return *self._split(tuple(front), inputs), d_dy

            return self._split(gradients, inputs), pull

        return y, second

    def signature(self) -> Callable:
        return self.parameters.vjp


class FunctionSubject(OfObjects):
    """A function `f(*inputs, **constants) -> (y, pullback)`; one input has a bare cotangent, several a tuple."""

    def __init__(self, function: Callable):
        self.function, self.name = function, getattr(function, "__name__", type(function).__name__)
        self._owned = Owned(function)

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        if inputs and callable(inputs[0]) and not takes(self.function, *inputs, **constants):
            raise two_functions(self.name, inputs[0])
        return super().prepare(inputs, constants)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        (function,) = self._owned.fresh()
        y, pullback = _two(function(*inputs, **constants), self.name, self.function)
        return y, lambda dy: (None, per_input(pullback(dy), inputs, self))

    def twice(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable] | None:
        (function,) = self._owned.fresh()
        y, pullback = function(*inputs, **constants)
        if not callable(getattr(pullback, "vjp", None)):
            return None

        def second(dy: Any) -> tuple[tuple[None, tuple], Callable]:
            gradients, second_pullback = _with_second(pullback.vjp(dy))

            def pull(d_gradients: tuple[None, tuple]) -> tuple[None, tuple, Any]:
                *front, d_dy = _with_dy(second_pullback(_like(gradients, d_gradients[1], inputs)))
                return None, per_input(front[0] if len(inputs) == 1 == len(front) else tuple(front), inputs, self), d_dy

            return (None, per_input(gradients, inputs, self)), pull

        return y, second

    def signature(self) -> Callable:
        return self.function


def adapt(subject: Any) -> Adapted:
    """Bring what the user wrote into one shape.

    Raises:
        TypeError: the subject is neither callable nor has a method `vjp`, or it is of PyTorch.
    """
    if isinstance(subject, Adapted):
        return subject
    if callable(getattr(subject, "vjp", None)) and not isinstance(subject, type):
        return LayerSubject(subject)
    if callable(subject) and not isinstance(subject, type) and library(subject) != "torch":
        return FunctionSubject(subject)
    raise no_subject(subject)


def _like(gradients: Any, d_inputs: tuple, inputs: tuple) -> Any:
    """Return cotangents of the gradients as those were returned: a bare one, or a tuple, perhaps without constants."""
    floating = [d for d, x in zip(d_inputs, inputs, strict=True) if any(True for _ in trees.leaves(x))]
    if not isinstance(gradients, tuple | list) or (len(inputs) == 1 and isinstance(inputs[0], tuple | list)):
        return floating[0]
    return d_inputs if len(gradients) == len(inputs) else tuple(floating)


def _with_second(value: Any) -> tuple[Any, Callable]:
    if isinstance(value, tuple) and len(value) == 2 and callable(value[1]):
        return value
    got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
    raise Broken("count", f"the vjp of a pullback must return (gradients, second_pullback), got {got}")


def _with_dy(cotangents: Any) -> tuple:
    if not isinstance(cotangents, tuple) or len(cotangents) < 2:
        got = f"a tuple of {len(cotangents)}" if isinstance(cotangents, tuple) else type(cotangents).__name__
        raise Broken("count", f"a second pullback must return what a pullback does and the cotangent of dy, got {got}")
    return cotangents


def _two(value: Any, name: str, subject: Any) -> tuple[Any, Callable]:
    if isinstance(value, tuple) and len(value) == 2 and callable(value[1]):
        return value
    raise no_pullback(subject, name, value)
