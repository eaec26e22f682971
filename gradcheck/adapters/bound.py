"""A forward and a backward that belong together, which may be methods of one object.

Its arrays are parameters where the backward returns their gradients, by name or in order, beside those of the inputs.
"""

import copy
import threading
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from gradcheck.adapters import claimed, spellings
from gradcheck.adapters.absent import absent, said_of, with_zeros
from gradcheck.adapters.dependence import forgotten
from gradcheck.adapters.named import in_order, parted
from gradcheck.adapters.places import Path, get, held, title
from gradcheck.subjects.adapted import Adapted, names, per_input
from gradcheck.subjects.nodes import is_plain
from gradcheck.subjects.outputs import flat, like
from gradcheck.subjects.owners import OfObjects, Owned


class Bound(OfObjects):
    """`run` says how the two functions are called."""

    def __init__(self, forward: Callable, backward: Callable):
        self._forward, self._backward, self._owned = forward, backward, Owned(forward, backward)
        self.name = getattr(forward, "__name__", type(forward).__name__)
        self._gradients: dict[Path, Path] = {}
        self._beside: set[Any] = set()  # where the backward returns these, and others that are not checked
        self._standing: tuple[Callable, Callable] | None = None  # the methods that all evaluations share
        self._twins: dict[int, tuple[Any, dict]] = {}  # of the object, for each thread, with the parameters it has now

    def __getstate__(self) -> dict:
        return {**vars(self), "_twins": {}}

    def run(
        self, forward: Callable, backward: Callable, inputs: tuple, constants: dict
    ) -> tuple[Any, Callable[[Any], Any]]:
        """Return the output, and what the backward returns as a function of dy."""
        raise TypeError(f"{type(self).__name__} must define run(forward, backward, inputs, constants)")

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        """Find the parameters of an object whose methods the two are."""
        inputs, self.findings = super().prepare(inputs, constants), []
        obj = getattr(self._forward, "__self__", None)
        both = all(isinstance(f, MethodType) and f.__self__ is obj for f in (self._forward, self._backward))
        if both and is_plain(obj) and any(map(claimed.may_have_one, held(obj).values())):
            self._find(obj, inputs, constants)
        return inputs

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, backward = self.run(*self.live(parameters), inputs, constants)

        def pull(dy: Any) -> tuple[dict | None, tuple]:
            self._give_back(parameters)
            cotangents = backward(dy)
            if not self._beside:
                d_inputs = per_input(in_order(cotangents, inputs, self), inputs, self)
                return None, self._with_zeros(d_inputs, parameters, inputs, constants)
            d_inputs, gradients = parted(cotangents, inputs)
            found = {title(path): copy.copy(get(gradients, g)) for path, g in self._gradients.items()}
            d_inputs = per_input(in_order(d_inputs, inputs, self, self._beside), inputs, self)
            return found or None, self._with_zeros(d_inputs, parameters, inputs, constants)

        return y, pull

    def _with_zeros(self, cotangents: tuple, parameters: Any, inputs: tuple, constants: dict) -> tuple:
        """Return the cotangents with zeros in the place of None, which is said of each input once."""
        where = absent(cotangents, inputs)
        if not where:
            return cotangents
        named = names(self, inputs)
        for i in where:
            if not any(f.array == named[i] for f in self.findings):
                said = said_of(lambda xs: self.forward(parameters, xs, constants), inputs, i, named[i])
                self.findings = [*self.findings, said]
        return with_zeros(cotangents, inputs, where)

    def live(self, parameters: Any) -> tuple[Callable, Callable]:
        """Return the two functions, of one twin of the object in its first state, with these parameters if it has any.

        Between an evaluation and its pullback another one may leave its residuals there, as in the object itself.
        """
        if self._standing is not None:
            return self._standing
        if not self._gradients:
            forward, backward = self._owned.fresh()
            return forward, backward
        obj, mine = getattr(self._forward, "__self__", None), threading.get_ident()
        if mine not in self._twins:
            self._twins[mine] = object.__new__(type(obj)), {}
        twin, _ = self._twins[mine]
        _fill(twin, obj, {id(get(obj, path)): parameters[title(path)] for path in self._gradients})
        self._twins[mine] = twin, parameters
        return self._of(twin)

    def _give_back(self, parameters: Any) -> None:
        """Put the parameters of an evaluation back into the twin before its pullback, and leave all else there."""
        twin, now = self._twins.get(threading.get_ident(), (None, parameters))
        if self._standing is None and now is not parameters:
            _fill(twin, twin, {id(now[name]): parameters[name] for name in now})
            self._twins[threading.get_ident()] = twin, parameters

    def lasting(self) -> Adapted | None:
        if not self._gradients:
            return super().lasting()
        twin = copy.copy(self)
        twin._standing = self._of(copy.deepcopy(getattr(self._forward, "__self__", None)))
        return twin

    def signature(self) -> Callable:
        return self._forward

    def _of(self, obj: Any) -> tuple[Callable, Callable]:
        """Return the two functions as methods of another object."""
        forward, backward = (getattr(f, "__func__", f) for f in (self._forward, self._backward))
        return MethodType(forward, obj), MethodType(backward, obj)

    def _find(self, obj: Any, inputs: tuple, constants: dict) -> None:
        """Take in which arrays are parameters: those whose gradients are returned; others that count are forgotten."""
        there, gradients = self._tried(obj, inputs, constants)
        arrays, returned = {path: x for path, x in there.items() if spellings.is_parameter(x)}, held(gradients)
        self._gradients = spellings.returned(arrays, returned)
        others = {path: x for path, x in there.items() if path not in self._gradients}
        left = {path: d for path, d in returned.items() if path not in self._gradients.values()}
        whole = claimed.returned(others, left)
        self._beside = {g[0] for g in (*self._gradients.values(), *whole.values())}
        self.parameters = {title(path): get(obj, path) for path in self._gradients} or None
        self.findings = claimed.unchecked_of(others, whole, left)

        def run(twin: Any) -> Any:
            return self.run(*self._of(twin), inputs, constants)[0]

        if self._beside:  # without any the object is one of constants
            self.findings += forgotten(run, obj, arrays, self._gradients, "output")

    def _tried(self, obj: Any, inputs: tuple, constants: dict) -> tuple[dict[Path, Any], Any]:
        """Return the numbers that the passes leave alone, and what the backward returns beside those of the inputs.

        Whatever is raised here is raised again where the object is evaluated.
        """
        try:
            work, xs, options = copy.deepcopy((obj, inputs, constants))
            before = claimed.numbers(work)
            with np.errstate(all="ignore"):
                y, backward = self.run(*self._of(work), xs, options)
                dy = like(y, np.random.default_rng(0).uniform(0.5, 1.5, flat(y).size), protect=False)
                _, gradients = parted(backward(dy), inputs)
        except Exception:  # whatever an object raises, as one that holds a file and cannot be copied
            return {}, {}
        if isinstance(gradients, dict):
            of_inputs = {spellings.key_of(gradients, name) for name in names(self, inputs)}
            gradients = {key: d for key, d in gradients.items() if key not in of_inputs}
        return claimed.unchanged(work, before), {} if gradients is None else gradients


def _fill(twin: Any, obj: Any, replaced: dict[int, Any]) -> None:
    """Set all that a twin holds to copies of what an object, perhaps the twin itself, holds, but for what is given."""
    state = copy.deepcopy(vars(obj), {id(obj): twin, **replaced})
    vars(twin).clear()
    vars(twin).update(state)
