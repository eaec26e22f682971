"""How an object with a state is used: which methods, and where it leaves what they do not return."""

import dataclasses
import inspect
from typing import Any

import numpy as np

from gradcheck.adapters import spellings
from gradcheck.adapters.convert import is_array, mapped
from gradcheck.adapters.places import outermost
from gradcheck.subjects import trees


@dataclasses.dataclass(frozen=True)
class Way:
    """What a backward pass returned: cotangents of the inputs, and gradients of parameters, if it returns those too.

    `factor` is the dy by which all of them are still to be multiplied, if it took none.
    """

    d_inputs: Any
    gradients: Any
    factor: Any

    def complete(self, tree: Any) -> Any:
        if self.factor is None:
            return tree
        return mapped(tree, lambda d: d * self.factor if is_array(d) else d)


@dataclasses.dataclass(frozen=True)
class Calls:
    """The names of an object's methods; `zero_grad` None: any of a usual name, which parts of the object may have."""

    forward: str
    backward: str
    zero_grad: str | None

    def run_forward(self, obj: Any, inputs: tuple, constants: dict) -> Any:
        y = getattr(obj, self.forward)(*inputs, **constants)
        return _attribute(obj, spellings.OUTPUTS) if y is None else y

    def run_backward(self, obj: Any, dy: Any, inputs: tuple) -> Way:
        """Run it, after `zero_grad`.

        The backward pass of a loss may take no argument: then its cotangents are those of dy = 1.
        """
        self.reset(obj)
        backward = getattr(obj, self.backward)
        if inspect.signature(backward).parameters:
            value, factor = backward(dy), None
        else:
            if np.size(dy) != 1:
                want = f"{type(obj).__name__}.{self.backward} takes no cotangent, so the output must be one number"
                raise TypeError(f"gradcheck: {want}, got shape {np.shape(dy)}")
            value, factor = backward(), np.asarray(dy).item()
        if value is None:
            value = _attribute(obj, spellings.INPUT_GRADIENTS)
        return Way(*_parted(value, inputs), factor)

    def reset(self, obj: Any) -> None:
        """Set gradients to zero: by the object's own method, or by those of the outermost parts that have one."""
        if self.zero_grad is not None:
            getattr(obj, self.zero_grad)()
            return
        for part in outermost(obj, lambda part: _zero(part) is not None):
            getattr(part, str(_zero(part)))()


def _parted(value: Any, inputs: tuple) -> tuple[Any, Any]:
    """Return cotangents of the inputs and gradients of parameters: of (dx, grads), (dx, dz, grads), (dx, dW, db)."""
    if not isinstance(value, tuple) or not value:
        return value, None
    all_of_them, floating = len(inputs), sum(any(True for _ in trees.leaves(x)) for x in inputs)
    *front, last = value
    if isinstance(last, dict | list | tuple) and not isinstance(inputs[-1] if inputs else None, dict | list | tuple):
        if len(front) == 1 and isinstance(front[0], tuple) and len(front[0]) in (all_of_them, floating):
            return front[0], last
        if len(front) in (all_of_them, floating):
            return tuple(front), last
    if len(value) > all_of_them and not (all_of_them == 1 and isinstance(inputs[0], tuple | list)):
        return value[:all_of_them], value[all_of_them:]
    return value, None


def _zero(part: Any) -> str | None:
    return next((name for name in spellings.ZERO if callable(getattr(part, name, None))), None)


def _attribute(obj: Any, names: tuple[str, ...]) -> Any:
    return next((getattr(obj, name) for name in names if getattr(obj, name, None) is not None), None)
