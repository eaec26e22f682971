"""Losses that return their value and its gradient at once: `loss(x, labels) -> (loss, grads)`."""

import copy
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import numpy as np

from gradcheck.adapters import claimed, spellings
from gradcheck.adapters.convert import callable_or_raise, is_array, mapped, own
from gradcheck.adapters.dependence import forgotten
from gradcheck.adapters.named import in_order
from gradcheck.adapters.places import Path, copied, get, held, plain_or_raise, title
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, Broken, names, per_input
from gradcheck.subjects.owners import Owned
from gradcheck.subjects.raised import during

BY_KEYWORD = "an input without a gradient, such as the data, is handed over by keyword"


class ValueAndGrad(Adapted):
    """A function, or a method: of its object's arrays those are parameters whose gradients are returned by name."""

    def __init__(self, function: Callable):
        self._function, self._owned = function, Owned(function)
        self.name = getattr(function, "__name__", type(function).__name__)
        self._gradients: dict[Path, Path] = {}
        self._known: set[Any] = set()  # the names of these, and of others that are not checked

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        """Find the parameters of a method's object."""
        inputs = super().prepare(inputs, constants)
        if isinstance(self._function, MethodType):
            obj, method = self._function.__self__, self._function.__func__
            plain_or_raise(obj)
            work, xs, options = copied(f"{self.name} with its inputs", obj, inputs, constants)
            with during("the function"), np.errstate(all="ignore"):
                before = claimed.numbers(work)
                _, grads = self._called(MethodType(method, work), xs, options)
            self._find(claimed.unchanged(work, before), grads if isinstance(grads, dict) else {}, inputs, constants)
        return inputs

    def _find(self, there: dict[Path, Any], grads: dict, inputs: tuple, constants: dict) -> None:
        """Take in which arrays are parameters: those whose gradients are returned; others that count are forgotten."""
        obj, method = getattr(self._function, "__self__", None), getattr(self._function, "__func__", self._function)
        arrays, returned = {path: x for path, x in there.items() if spellings.is_parameter(x)}, held(grads)
        self._gradients = spellings.returned(arrays, returned)
        self.parameters = {title(path): get(obj, path) for path in self._gradients}
        others = {path: x for path, x in there.items() if path not in self._gradients}
        of_inputs = {spellings.key_of(grads, name) for name in names(self, inputs)}
        taken = [path for path in returned if path in self._gradients.values() or path[0] in of_inputs]
        left = {path: d for path, d in returned.items() if path not in taken}
        whole = claimed.returned(others, left)
        self._known = {path[0] for path in (*self._gradients.values(), *whole.values())}
        self.findings = claimed.unchecked_of(others, whole, left)

        def run(twin: Any) -> Any:
            return np.asarray(self._called(MethodType(method, twin), inputs, constants)[0])

        if self._known:
            self.findings += forgotten(run, obj, arrays, self._gradients, "value")

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        return self._called(self._live(parameters), inputs, constants)[0]

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        value, grads = self._called(self._live(parameters), inputs, constants)

        def pull(dy: Any) -> tuple[dict, tuple]:
            factor = np.asarray(dy).item()
            scaled = mapped(grads, lambda d: d * factor if isinstance(d, float) or is_array(d) else d)
            found = {title(path): get(scaled, gradient) for path, gradient in self._gradients.items()}
            return found, self._per_input(scaled, inputs) if inputs else ()

        return value, pull

    def signature(self) -> Callable:
        return self._function

    def _per_input(self, grads: Any, inputs: tuple) -> tuple:
        try:
            cotangents = per_input(in_order(grads, inputs, self, self._known), inputs, self)
        except Broken as broken:
            raise Broken(broken.kind, f"{broken.message}; {BY_KEYWORD}") from broken
        for name, x, dx in zip(names(self, inputs), inputs, cotangents, strict=True):
            if dx is None and any(True for _ in trees.leaves(x)):
                raise Broken("missing", f"no gradient of {name} is returned; {BY_KEYWORD}", name)
        return cotangents

    def _called(self, function: Callable, inputs: tuple, constants: dict) -> tuple[Any, Any]:
        value = function(*own(inputs), **own(constants))
        if isinstance(value, tuple) and len(value) >= 2 and np.ndim(value[0]) == 0 and not callable(value[1]):
            return value[0], value[1] if len(value) == 2 else value[1:]
        got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
        raise TypeError(f"gradcheck: {self.name} must return (value, grads) with one number as its value, got {got}")

    def _live(self, parameters: Mapping[str, Any] | None) -> Callable:
        """Return the function, if it is a method of an object with parameters bound to a copy around other ones."""
        if not self._gradients or parameters is None or not isinstance(self._function, MethodType):
            return self._owned.fresh()[0]
        obj, method = self._function.__self__, self._function.__func__
        twin = copy.deepcopy(obj, {id(get(obj, path)): parameters[title(path)] for path in self._gradients})
        return MethodType(method, twin)


def value_and_grad(function: Callable) -> Adapted:
    """Check `function(*inputs, **constants) -> (value, grads)`, of which the value is one number.

    `grads` is the bare gradient for one input, a tuple with one for each for several (which may also
    follow the value one by one), or a dictionary by the inputs' names.  Of a method, `model.loss`, the
    names in the dictionary may also be those of the object's arrays, as in `model.params["W1"]`.  An
    input of which it returns no gradient is handed over by keyword.

    Raises:
        TypeError: `function` is not callable.

    >>> import gradcheck, numpy as np
    >>> def loss(w, *, x):
    ...     return ((x @ w) ** 2).sum(), 2 * x.T @ (x @ w)
    >>> gradcheck.check(gradcheck.adapters.value_and_grad(loss), np.ones(3), x=np.arange(6.0).reshape(2, 3)).verdict
    'pass'
    """
    callable_or_raise("function", function)
    return ValueAndGrad(function)
