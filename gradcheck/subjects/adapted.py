"""What is checked: a forward pass and a pullback over a flat list of arrays, whatever the user wrote."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding

Push = Callable[[Sequence[np.ndarray]], Any]  # J d, of a direction for each array in the order of `trees.leaves`

AXES = 30  # at most: of more than 32 NumPy takes no flat indices, and a check needs one of its own


class Broken(Exception):
    """The backward pass does not keep its contract; `array` is the name of the guilty one, or None."""

    def __init__(self, kind: str, message: str, array: str | None = None):
        super().__init__(message)
        self.kind, self.message, self.array = kind, message, array


class NoSecond(Exception):
    """The gradients of a subject have no derivative of their own; the message says why."""


class Adapted:
    """The one shape that every kind of subject is brought into.

    `parameters` is a tree of arrays that belongs to the subject itself; `forward` and `vjp` are
    called with such a tree, the positional inputs and the constants.
    """

    parameters: Any = None
    name: str = "function"
    complex_safe: bool = True  # whether it may be called with complex arrays at all
    elsewhere: str = ""  # what computes it, if not NumPy's functions on the very arrays that it is given
    units: Mapping[str, float] = {}  # unit roundoff of arrays in a format that NumPy lacks, by name
    input_names: Sequence[str] = ()  # where no signature has them
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

    def twice(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable] | None:
        """Return y and a function of dy that returns the gradients and their own pullback; None: there is none.

        Gradients are (cotangent of the parameters, of the inputs); the second pullback takes such a pair, and returns
        (cotangent of the parameters, of the inputs, of dy).

        Raises:
            NoSecond: the gradients have no derivative.
        """
        return None

    def jvp(self, parameters: Any, inputs: tuple, directions: Sequence[np.ndarray], constants: dict) -> Any:
        """Return J d, shaped like y, for one direction for each differentiable array; None: no forward mode."""
        return None

    def linearized(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Push]:
        """Return y, and J d as a function of d.

        Raises:
            TypeError: as it is called, there is no forward mode.
        """
        y = self.forward(parameters, inputs, constants)
        count = sum(1 for _ in trees.leaves(np.asarray(y) if isinstance(y, float) else y))

        def push(directions: Sequence[np.ndarray]) -> Any:
            found = self.jvp(parameters, inputs, directions, constants)
            if found is None:
                raise TypeError(f"gradcheck: {self.name} must have forward mode, got none")
            return trees.rebuild(y, iter(found)) if len(found) == count else found

        return y, push

    def lasting(self) -> "Adapted | None":
        """Return the same around one object that goes on from call to call; None: there is none that keeps a state."""
        return None

    def enclosed(self, enclose: Callable[["Adapted"], "Adapted"]) -> "Adapted":
        """Return the same in what `enclose` puts around a subject of the user's own inputs."""
        return enclose(self)

    def signature(self) -> Callable:
        """Return the callable whose positional parameters name the inputs."""
        return self.forward


def arrays(inputs: tuple) -> tuple:
    """Return the inputs with arrays for numbers of Python's."""
    return tuple(np.asarray(x) if isinstance(x, float) else x for x in inputs)


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
    if subject.input_names:
        return list(subject.input_names)
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


def refuse_disguised(tree: Any, name: str) -> None:
    """Raise a TypeError where a tree holds a matrix or a masked array."""
    for path, what in trees.disguised(tree, name):
        raise TypeError(f"gradcheck: {path} must be a plain NumPy array, got {what}")


def _plain(tree: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    refuse_disguised(tree, name)
    for path, value in trees.leaves(tree, name):
        if value.ndim > AXES:
            raise ValueError(f"gradcheck: {path} must have at most {AXES} axes, got {value.ndim}")
        yield path, value


def _is_of_numbers(x: list | tuple) -> bool:
    """Whether a list, of lists perhaps, is what NumPy would make a floating array of."""
    ends = [end for _, end in trees.ends(x)]
    return any(isinstance(end, float) for end in ends) and all(isinstance(end, float | int) for end in ends)
