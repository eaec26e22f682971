"""Values with `.data`, `.grad` and `.backward()`: what is made of numbers, and what is read of them."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.adapters.convert import mapped

HELD = ("data", "grad", "backward")
OF_ARRAYS = ("shape", "sum", "__matmul__", "__getitem__")  # one of them marks a value that holds an array
COTANGENTS = ("gradient", "grad", "grad_output", "out_grad", "dy", "dout", "upstream", "cotangent", "g")


class Values:
    """Makes values with `value(numbers)`: one for each array, or where a value holds one number, arrays of them."""

    def __init__(self, value: Callable):
        self.value, found = value, value(0.5)
        lacking = [name for name in HELD if not hasattr(found, name)]
        if lacking:
            got = f"{type(found).__name__} without {lacking[0]}"
            raise TypeError(f"gradcheck: value must make objects with {', '.join(HELD)}, got {got}")
        self.scalar = not any(hasattr(found, name) for name in OF_ARRAYS)
        self.kind = type(found)
        self.of_values = self._holds_values()

    def _holds_values(self) -> bool:
        """Whether `.grad` holds a value itself: then a cotangent is one too."""
        leaf = self.value(0.5 if self.scalar else np.array(0.5))
        (leaf * leaf).backward()
        return isinstance(leaf.grad, self.kind)

    def made(self, x: np.ndarray) -> Any:
        """Return an array as values: where each holds one number an array of objects, of no axes a bare value."""
        if not self.scalar:
            return self.value(np.array(x))
        if x.ndim == 0:
            return self.value(x.item())
        found = np.empty(x.shape, object)
        for i in np.ndindex(x.shape):
            found[i] = self.value(x[i].item())
        return found

    def parts(self, tree: Any) -> list[Any]:
        """Return the values of an output, and the arrays of values, in order."""
        found: list[Any] = []
        mapped(tree, lambda leaf: found.append(leaf) if self._holds(leaf) else None, whole=self.kind)
        return found

    def shown(self, tree: Any) -> Any:
        """Return an output with numbers in place of values."""
        return mapped(tree, lambda leaf: self._numbers(leaf) if self._holds(leaf) else leaf, whole=self.kind)

    def each(self, part: Any, dy: np.ndarray) -> Iterator[tuple[Any, Any]]:
        """Yield every value of a part with its cotangent."""
        if isinstance(part, self.kind):
            yield part, dy.item() if self.scalar else dy
        else:
            yield from ((v, d.item()) for v, d in zip(part.ravel(), dy.ravel(), strict=True) if self._holds(v))

    def gradient(self, held: Any) -> Any:
        """Return what stands in `.grad`: zeros where nothing arrived."""
        if isinstance(held, np.ndarray):
            return np.array([self.gradient(v) for v in held.ravel()]).reshape(held.shape)
        return np.zeros_like(numbers(held)) if held.grad is None else np.array(numbers(held.grad))

    def _holds(self, leaf: Any) -> bool:
        of_objects = isinstance(leaf, np.ndarray) and leaf.dtype.hasobject
        return isinstance(leaf, self.kind) or (of_objects and any(isinstance(v, self.kind) for v in leaf.ravel()))

    def _numbers(self, leaf: Any) -> np.ndarray:
        if isinstance(leaf, np.ndarray):
            return np.array([numbers(v) for v in leaf.ravel()]).reshape(leaf.shape)
        return np.array(numbers(leaf))


def numbers(value: Any) -> Any:
    """Return the numbers of a value, or of what is no value."""
    if callable(getattr(value, "numpy", None)):
        return value.numpy()
    return value if isinstance(value, np.ndarray | np.generic) else getattr(value, "data", value)


def takes_cotangent(value: Any) -> bool:
    """Whether `backward` takes the cotangent of its value as its first argument."""
    return next(iter(inspect.signature(value.backward).parameters), None) in COTANGENTS
