"""What the command line gives by name: everything takes what its signature names."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from gradcheck.cli.errors import UsageError
from gradcheck.cli.values import Array

Parameter = inspect.Parameter
POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
GENERATOR = ("rng", "generator")  # a required parameter of such a name gets a random generator


class Given:
    """Arrays and values by name, and which of them something took."""

    def __init__(self, arrays: Iterable[Array], parameters: dict[str, Any], seed: int):
        self.arrays = {a.name: a for a in arrays}
        self.parameters, self.seed = parameters, seed
        self.taken: set[str] = set()
        self.known: dict[str, None] = {}  # all names that something could take, in order

    @property
    def names(self) -> set[str]:
        return {*self.arrays, *self.parameters}

    def take(self, name: str) -> Any:
        self.taken.add(name)
        return self.arrays[name].draw(self.seed) if name in self.arrays else self.parameters[name]

    def has(self, parameter: Parameter) -> bool:
        return parameter.name in self.names or (parameter.default is Parameter.empty and parameter.name in GENERATOR)

    def value(self, parameter: Parameter) -> Any:
        if parameter.name in self.names:
            return self.take(parameter.name)
        import numpy as np

        return np.random.default_rng(self.seed)

    def signature(self, function: Callable) -> list[Parameter]:
        parameters = list(inspect.signature(function).parameters.values())
        self.known.update(dict.fromkeys(p.name for p in parameters if p.kind not in VARIADIC))
        return parameters

    def call(self, function: Callable, words: str) -> Any:
        """Call a class or a function with what it takes of the given names; its own errors say where they come from.

        A parameter `dtype` that is not given gets the dtype of the inputs.

        Raises:
            UsageError: it needs something that was not given.
        """
        try:
            wanted = self.signature(function)
        except (TypeError, ValueError):  # of a builtin
            raise UsageError(f"{words} does not tell what it takes, so that nothing can be handed to it") from None
        if missing := needed(wanted, self):
            raise UsageError(_needs(words, missing[0], ()))
        positional = [self.value(p) for p in wanted if p.kind is p.POSITIONAL_ONLY and self.has(p)]
        named = {p.name: self.value(p) for p in wanted if p.kind is not p.POSITIONAL_ONLY and self.has(p)}
        dtypes = {a.dtype for a in self.arrays.values() if a.floating}
        if "dtype" not in named and len(dtypes) == 1 and any(p.name == "dtype" for p in wanted):
            named["dtype"] = dtypes.pop()
        try:
            return function(*positional, **named)
        except Exception as error:
            error.add_note(f"gradcheck: raised by {words}, which makes the subject")
            raise

    def inputs_of(self, function: Callable, words: str) -> tuple[tuple, dict[str, Any]]:
        """Return the positional inputs and the constants that a subject's signature names.

        Raises:
            UsageError: it needs something that was not given.
        """
        try:
            wanted = self.signature(function)
        except (TypeError, ValueError):  # a builtin without a signature takes everything as it comes
            wanted = [Parameter("inputs", Parameter.VAR_POSITIONAL)]
        if missing := needed(wanted, self):
            taken = {*self.taken, *(p.name for p in wanted)}
            strange = [name for name in (*self.arrays, *self.parameters) if name not in taken]
            raise UsageError(_needs(words, missing[0], strange))
        ordered = [p for p in wanted if p.kind in POSITIONAL]
        last = max((i for i, p in enumerate(ordered) if self.has(p)), default=-1)
        inputs = [self.value(p) if self.has(p) else p.default for p in ordered[: last + 1]]
        constants = {p.name: self.value(p) for p in wanted if p.kind is p.KEYWORD_ONLY and self.has(p)}
        rest = [name for name in (*self.arrays, *self.parameters) if name not in self.taken]
        if any(p.kind is p.VAR_POSITIONAL for p in wanted):
            inputs += [self.take(name) for name in rest if name in self.arrays and self.arrays[name].floating]
        if any(p.kind is p.VAR_KEYWORD for p in wanted):
            constants |= {name: self.take(name) for name in rest if name not in self.taken}
        return tuple(inputs), constants


def needed(parameters: list[Parameter], given: Given) -> list[Parameter]:
    """Return the parameters that have no default and were not given."""
    return [p for p in parameters if p.kind not in VARIADIC and p.default is p.empty and not given.has(p)]


def _needs(words: str, missing: Parameter, strange: Iterable[str]) -> str:
    name, got = missing.name, ", ".join(strange)
    told = f"{words} needs {name}, got {got}" if got else f"{words} needs {name}"
    return f"{told}: give an array by --input '{name}=2,8', or a value by --param {name}=..."
