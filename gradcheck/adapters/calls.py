"""How an object with a state is used: which methods, and where it leaves what they do not return."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.adapters import spellings
from gradcheck.adapters.convert import mapped


@dataclasses.dataclass(frozen=True)
class Calls:
    """The names of an object's methods; `zero_grad` is called before each backward pass, if there is one."""

    forward: str
    backward: str
    zero_grad: str | None

    def run_forward(self, obj: Any, inputs: tuple, constants: dict) -> Any:
        y = getattr(obj, self.forward)(*inputs, **constants)
        return _attribute(obj, spellings.OUTPUTS) if y is None else y

    def run_backward(self, obj: Any, dy: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Return the cotangents of the inputs, and a function that completes any cotangent.

        The backward pass of a loss may take no argument: then its cotangents are those of dy = 1.
        """
        if self.zero_grad is not None:
            getattr(obj, self.zero_grad)()
        backward = getattr(obj, self.backward)
        if inspect.signature(backward).parameters:
            dx = backward(dy)
            return _attribute(obj, spellings.INPUT_GRADIENTS) if dx is None else dx, lambda tree: tree
        if np.size(dy) != 1:
            want = f"{type(obj).__name__}.{self.backward} takes no cotangent, so the output must be one number"
            raise TypeError(f"gradcheck: {want}, got shape {np.shape(dy)}")
        dx, factor = backward(), np.asarray(dy).item()
        dx = _attribute(obj, spellings.INPUT_GRADIENTS) if dx is None else dx
        return dx, lambda tree: mapped(tree, lambda d: d * factor if isinstance(d, np.ndarray | np.generic) else d)


def _attribute(obj: Any, names: tuple[str, ...]) -> Any:
    return next((getattr(obj, name) for name in names if getattr(obj, name, None) is not None), None)
