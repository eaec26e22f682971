"""Functions of values that remember how they were made, as micrograd's of one number and tinygrad's of an array."""

import copy
import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.adapters.convert import callable_or_raise, mapped, own
from gradcheck.adapters.values import Values, numbers, takes_cotangent
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.nodes import is_leaf


class Tape(Adapted):
    """Every gradient has a graph of its own, since `.backward()` adds to what stands in `.grad`."""

    elsewhere = "a tape of values"

    def __init__(self, function: Callable, value: Callable):
        self._function, self._values = function, Values(value)
        self.name = getattr(function, "__name__", type(function).__name__)
        held = [np.array(numbers(p)) for p in _parameters(function)]
        if held:
            self.parameters = {"parameters": np.array(held) if self._values.scalar else held}

    def signature(self) -> Callable:
        return self._function

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        return self._values.shown(self._run(parameters, inputs, constants)[0])

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y = self.forward(parameters, inputs, constants)

        def pull(dy: Any) -> tuple[Any, tuple]:
            output, held = self._run(parameters, inputs, constants)
            self._go_back(self._values.parts(output), [d for _, d in trees.leaves(dy)])
            arrays = [x for _, x in trees.leaves((parameters, inputs))]
            rest = iter([self._values.gradient(v).astype(x.dtype) for v, x in zip(held, arrays, strict=True)])
            return trees.rebuild(parameters, rest), trees.rebuild(inputs, rest)

        return y, pull

    def _run(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, list[Any]]:
        """Return the output, and the values of every array that is differentiated."""
        function, held = self._function, list[Any]()
        if parameters is not None:
            function = copy.deepcopy(function)
            live = np.empty(len(_parameters(function)), object)
            live[:] = _parameters(function)
            for value, x in zip(live, parameters["parameters"], strict=True):
                value.data = x.item() if self._values.scalar else np.array(x)
                value.grad = self._values.value(value.data).grad  # what a new one begins with
            held += [live] if self._values.scalar else list(live)

        def made(leaf: Any) -> Any:
            if not is_leaf(leaf, "fc"):
                return leaf
            held.append(self._values.made(np.asarray(leaf)))
            return held[-1]

        y = function(*mapped(inputs, made), **own(constants))
        if not self._values.parts(y):
            want = f"{self.name} must return values of type {self._values.kind.__name__}"
            raise TypeError(f"gradcheck: {want}, got {type(y).__name__}")
        return y, held

    def _go_back(self, parts: list[Any], cotangents: list[np.ndarray]) -> None:
        """Hand the cotangent over where there is one output and its `backward` takes one; else through a sum."""
        pairs = [pair for part, dy in zip(parts, cotangents, strict=True) for pair in self._values.each(part, dy)]
        value, dy = pairs[0]
        if len(pairs) == 1 and takes_cotangent(value):
            value.backward(self._values.value(dy) if self._values.of_values else dy)
        else:
            terms = [self._total(value * self._values.value(dy), dy) for value, dy in pairs]
            functools.reduce(operator.add, terms).backward()

    def _total(self, product: Any, dy: Any) -> Any:
        if self._values.scalar:
            return product
        if not callable(getattr(product, "sum", None)):
            want = f"{self._values.kind.__name__} must have sum(), or a backward that takes a cotangent"
            raise TypeError(f"gradcheck: {want}, to check an output of shape {np.shape(dy)}, got neither")
        return product.sum()


def _parameters(function: Any) -> list[Any]:
    return list(function.parameters()) if callable(getattr(function, "parameters", None)) else []


def tape(function: Callable, *, value: Callable) -> Adapted:
    """Check what `.backward()` leaves in `.grad` of values that have `.data`, as micrograd's and tinygrad's have.

    For each floating array the function gets `value(array)`; or, where a value holds one number (it has no shape,
    sum, `@` or indices), an array of values, for a number a bare one.  It returns values, in any nesting.  A cotangent
    is handed over where `backward(grad)` takes one and there is one output; else the values' own operators make
    the sum of dy * y, and `.backward()` of that is called.

    The values that a method `parameters()` of the function returns are checked too, on copies of it.

    Args:
        function: of values, `f(*inputs, **constants)`; keyword arguments are handed over as they are.
        value: the class of the values, or what makes one of a number or an array.

    Raises:
        TypeError: one of the two is not callable, or what `value` makes lacks data, grad or backward; at the check,
            the function returns no values.

    >>> import gradcheck, numpy as np
    >>> class Value:
    ...     def __init__(self, data, back=lambda grad: None):
    ...         self.data, self.grad, self.back = data, 0.0, back
    ...     def __mul__(self, other):
    ...         def back(grad):
    ...             self.backward(other.data * grad)
    ...             other.backward(self.data * grad)
    ...         return Value(self.data * other.data, back)
    ...     def backward(self, grad=1.0):
    ...         self.grad += grad
    ...         self.back(grad)
    >>> gradcheck.check(gradcheck.adapters.tape(lambda x: x * x, value=Value), 3.0).verdict
    'pass'
    """
    callable_or_raise("function", function)
    callable_or_raise("value", value)
    return Tape(function, value)
