"""What is checked: a forward pass and a pullback over a flat list of arrays, whatever the user wrote."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck import trees
from gradcheck.findings import Finding

AXES = 30  # at most: of more than 32 NumPy takes no flat indices, and a check needs one of its own


class Broken(Exception):
    """The backward pass does not keep its contract; `array` is the name of the guilty one, or None."""

    def __init__(self, kind: str, message: str, array: str | None = None):
        super().__init__(message)
        self.kind, self.message, self.array = kind, message, array


class Adapted:
    """The one shape that every kind of subject is brought into.

    `parameters` is a tree of arrays that belongs to the subject itself; `forward` and `vjp` are
    called with such a tree, the positional inputs and the constants.
    """

    parameters: Any = None
    name: str = "function"
    complex_safe: bool = True  # whether it may be called with complex arrays at all
    units: Mapping[str, float] = {}  # unit roundoff of arrays in a format that NumPy lacks, by name
    findings: Sequence[Finding] = ()  # what an adapter has to say itself, once it has seen the inputs

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        """Return the inputs as NumPy arrays; called once, before the parameters are read."""
        return arrays(inputs)

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        y, _ = self.vjp(parameters, inputs, constants)
        return y

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        """Return y and a pullback dy -> (cotangent of the parameters, of the inputs)."""
        raise TypeError(f"{type(self).__name__} must define vjp(parameters, inputs, constants)")

    def jvp(self, parameters: Any, inputs: tuple, directions: Sequence[np.ndarray], constants: dict) -> Any:
        """Return J d, shaped like y, for one direction for each differentiable array; None: no forward mode."""
        return None

    def signature(self) -> Callable:
        """Return the callable whose positional parameters name the inputs."""
        return self.forward


<<<<<<< HEAD
def arrays(inputs: tuple) -> tuple:
    """Return the inputs with arrays for numbers of Python's."""
    return tuple(np.asarray(x) if isinstance(x, float) else x for x in inputs)


class LayerSubject(Adapted):
    """An object with `vjp(*inputs, **constants) -> (y, pullback)`; the pullback returns its own cotangent first."""

    def __init__(self, layer: Any):
        self.parameters, self.name = layer, type(layer).__name__

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        if callable(parameters):
            return parameters(*inputs, **constants)
        return super().forward(parameters, inputs, constants)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, pullback = _two(parameters.vjp(*inputs, **constants), f"{self.name}.vjp")

        def pull(dy: Any) -> tuple[Any, Any]:
            cotangents = pullback(dy)
            if not isinstance(cotangents, tuple):
                got = type(cotangents).__name__
                raise Broken("count", f"the pullback must return a tuple with the layer's cotangent first, got {got}")
            if len(cotangents) == len(inputs) and not any(True for _ in trees.leaves(parameters)):
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

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, pullback = _two(self.function(*inputs, **constants), self.name)
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
    got = f"the class {subject.__name__}" if isinstance(subject, type) else type(subject).__name__
    raise TypeError(
        f"gradcheck: the subject must have a method vjp or be a function that returns (y, pullback), got {got}"
    )


=======
>>>>>>> 438a1601c496c0a20c2eb0801d18c46709d94480
def per_input(cotangents: Any, inputs: tuple, subject: Adapted) -> tuple:
    """Return the cotangents as one tuple with an entry for every positional input."""
    if len(inputs) == 1:
        if not isinstance(cotangents, tuple | list) or isinstance(inputs[0], tuple | list):
            return (cotangents,)
        if len(cotangents) != 1:
            got = len(cotangents)
            raise Broken("count", f"the backward must return 1 cotangent ({names(subject, inputs)[0]}), got {got}")
        return tuple(cotangents)
    floating = [any(True for _ in trees.leaves(x)) for x in inputs]
    if not isinstance(cotangents, tuple | list):
        if sum(floating) != 1:
            raise Broken("count", f"the backward must return {len(inputs)} cotangents, got {type(cotangents).__name__}")
        cotangents = (cotangents,)
    if len(cotangents) == len(inputs):
        return tuple(cotangents)
    if len(cotangents) == sum(floating):  # constants among the inputs may be left out
        rest = iter(cotangents)
        return tuple(next(rest) if differentiable else None for differentiable in floating)
    want = ", ".join(names(subject, inputs))
    raise Broken("count", f"the backward must return {len(inputs)} cotangents ({want}), got {len(cotangents)}")


def names(subject: Adapted, inputs: tuple) -> list[str]:
    """Return the inputs' names: those of the positional parameters of the subject's signature."""
    try:
        parameters = list(inspect.signature(subject.signature()).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        parameters = []
    found: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            found += [f"{parameter.name}[{i}]" for i in range(len(inputs) - len(found))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            found.append(parameter.name)
    found += [f"input[{i}]" for i in range(len(found), len(inputs))]
    return found[: len(inputs)]


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One array that is differentiated: its path, its value at the user's point, and whose it is."""

    name: str
    value: np.ndarray
    is_parameter: bool


def leaf_list(subject: Adapted, inputs: tuple) -> Iterator[Leaf]:
    """Yield every differentiable array, the subject's own parameters first.

    Raises:
        TypeError: an input is complex, an array of objects, or an array of another library; it is numbers
            in a list; it or a parameter is a matrix or a masked array.
        ValueError: an array has too many axes, or lies too deep in its tree.
    """
    for path, value in _plain(subject.parameters, ""):
        yield Leaf(path, value, True)
    for name, x in zip(names(subject, inputs), inputs, strict=True):
        for path, odd in trees.odd(x, name):
            raise TypeError(f"gradcheck: {path} must be a NumPy array of real numbers, got {odd}")
        if isinstance(x, list | tuple) and _is_of_numbers(x):
            got = f"a {type(x).__name__} of numbers: hand over np.array of it, or it by keyword if it is constant"
            raise TypeError(f"gradcheck: {name} must be a NumPy array of real numbers, got {got}")
        for path, value in _plain(x, name):
            yield Leaf(path, value, False)


def _plain(tree: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    for path, what in trees.disguised(tree, name):
        raise TypeError(f"gradcheck: {path} must be a plain NumPy array, got {what}")
    for path, value in trees.leaves(tree, name):
        if value.ndim > AXES:
            raise ValueError(f"gradcheck: {path} must have at most {AXES} axes, got {value.ndim}")
        yield path, value


def _is_of_numbers(x: list | tuple) -> bool:
    """Whether a list, of lists perhaps, is what NumPy would make a floating array of."""
    ends = [end for _, end in trees.ends(x)]
    return any(isinstance(end, float) for end in ends) and all(isinstance(end, float | int) for end in ends)
