"""Objects that keep what they need: `forward(x)`, `backward(dy)`, parameters and gradients among their attributes."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcheck.adapters.calls import Calls
from gradcheck.adapters.convert import own
from gradcheck.adapters.places import Path, copied, get, plain_or_raise, put, title
from gradcheck.adapters.trial import RETURNED, Trial, standing
from gradcheck.subjects.adapted import Adapted, per_input
from gradcheck.subjects.signatures import takes, written


class Module(Adapted):
    """Each evaluation has a copy of the object to itself, in which the parameters are replaced wherever they stand."""

    def __init__(self, obj: Any, calls: Calls, named: Mapping[str, str] | None):
        self.name = type(obj).__name__
        (self._obj,) = copied(self.name, obj)
        plain_or_raise(self._obj)
        self._calls, self._named = calls, named
        self._gradients: dict[Path, Path] = {}
        self._adding: set[Path] = set()
        self._standing: Any = None  # the copy that all evaluations share

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        """Find the parameters and their gradients."""
        inputs = super().prepare(inputs, constants)
        trial = Trial(self._obj, self._calls, self._named, inputs, constants)
        self._gradients, self._adding, self.findings = trial.gradients, trial.adding, trial.findings
        self.parameters = {title(path): np.asarray(get(self._obj, path)) for path in self._gradients}
        return inputs

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        return self._calls.run_forward(self._live(parameters), own(inputs), own(constants))

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        live = self._live(parameters)
        y = self._calls.run_forward(live, own(inputs), own(constants))

        def pull(dy: Any) -> tuple[dict, tuple]:
            for path in self._adding:
                old = get(live, path)
                put(live, path, np.zeros_like(old) if isinstance(old, np.ndarray) else 0.0)
            way = self._calls.run_backward(live, dy, inputs)
            found = {title(path): standing(live, way, g) for path, g in self._gradients.items()}
            found = {name: copy.copy(d) for name, d in found.items()}  # the next call may write there
            return way.complete(found), per_input(way.complete(way.d_inputs), inputs, self)

        return y, pull

    def lasting(self) -> Adapted:
        twin = copy.copy(self)
        twin._standing = self._live({name: x.copy() for name, x in self.parameters.items()})
        return twin

    def signature(self) -> Callable:
        return getattr(self._obj, self._calls.forward)

    def _live(self, parameters: dict) -> Any:
        """Return a copy of the object around other parameters; what is kept for gradients follows their dtype."""
        if self._standing is not None:
            return self._standing
        replaced = {}
        for path, gradient in self._gradients.items():
            old, new = get(self._obj, path), parameters[title(path)]
            buffer = None if gradient[0] == RETURNED else get(self._obj, gradient)
            if isinstance(old, np.ndarray):
                replaced[id(old)] = new
            if isinstance(buffer, np.ndarray) and buffer.dtype == old.dtype != new.dtype:
                replaced[id(buffer)] = buffer.astype(new.dtype)
        live = copy.deepcopy(self._obj, replaced)
        for path in self._gradients:
            if not isinstance(get(self._obj, path), np.ndarray):
                put(live, path, parameters[title(path)][()])
        return live


def module(
    obj: Any,
    *,
    parameters: Mapping[str, str] | None = None,
    forward: str = "forward",
    backward: str = "backward",
    zero_grad: str | None = None,
) -> Adapted:
    """Check an object with `forward(*inputs, **constants) -> y` and `backward(dy) -> cotangent(s) of the inputs`.

    Its parameters and their gradients are found where they are spelled in a usual way: `W` and `dW`,
    `W_grad` or `grad_W`; `params["W"]` and `grads["W"]`; lists `params` and `grads`, or of pairs;
    `W.value` and `W.grad`; or returned, as `(dx, grads)` with a dictionary by these names, or as
    `(dx, dW, db)` in the order of the parameters.  An array without a gradient on which the output
    depends is a finding.  A method `zero_grad`, of the object or of its parts, is called before each
    backward pass; without one, a gradient that adds up over calls is a finding.  What a pass does not
    return may stand in `output` and `dinputs`.  The object itself is never used: the check works on
    copies of what was handed over.

    Args:
        obj: an instance.
        parameters: by each parameter's path the path of its gradient, such as
            `{"w": "dw", "layers[0].b": "layers[0].db"}`; then no other is looked for.
        forward: the name of this method.
        backward: likewise.
        zero_grad: likewise; one with a usual name is found.

    Raises:
        TypeError: `obj` is a class, lacks a method, has a backward that takes more than dy, cannot be copied, or
            holds a matrix or masked array.

    >>> import gradcheck, numpy as np
    >>> class Scale:
    ...     def __init__(self):
    ...         self.W = np.full(3, 2.0)
    ...     def forward(self, x):
    ...         self.x = x
    ...         return self.W * x
    ...     def backward(self, dy):
    ...         self.dW = self.x * dy                    # of a batch, to be summed over it
    ...         return self.W * dy
    >>> gradcheck.check(gradcheck.adapters.module(Scale()), np.arange(3.0) + 1).verdict
    'pass'
    >>> gradcheck.check(gradcheck.adapters.module(Scale()), np.ones((2, 3))).verdict
    'fail'
    """
    if isinstance(obj, type):
        raise TypeError(f"gradcheck: module must get an instance, got the class {obj.__name__}")
    for role, name in (("forward", forward), ("backward", backward), ("zero_grad", zero_grad)):
        if name is not None and not callable(getattr(obj, name, None)):
            got = f"none; say which one it is by {role}='...'"
            raise TypeError(f"gradcheck: {type(obj).__name__} must have a method {name}, got {got}")
    if not takes(way_back := getattr(obj, backward), None) and not takes(way_back):
        use = f"use gradcheck.adapters.cached(obj.{forward}, obj.{backward}) for (dout, cache), pair for (*inputs, dy)"
        raise TypeError(f"gradcheck: {type(obj).__name__}.{backward} must take dy, got {written(way_back)}; {use}")
    return Module(obj, Calls(forward, backward, zero_grad), parameters)
