"""Where a run computes: on the host, or on a GPU, through a library that answers NumPy's calls.

This is the only place that names such a library: a model on its arrays computes there, by the same lines.
"""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reference.core import tree
from reference.training.errors import RunError


@dataclasses.dataclass(frozen=True)
class Device:
    """`there` puts an array of NumPy's where the run computes, `back` brings one home (and waits for it)."""

    there: Callable[[np.ndarray], Any]
    back: Callable[[Any], np.ndarray]

    def all_there(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return arrays of NumPy's, by name, with all of them there."""
        return {name: self.there(array) for name, array in arrays.items()}

    def moved(self, node: Any) -> Any:
        """Return a tree of NumPy's arrays with all of them there."""
        return tree.map(self.there, node)

    def home(self, node: Any) -> Any:
        """Return a tree of arrays that are there as one of NumPy's."""
        return tree.map(self.back, node)


def _as_it_is(array: np.ndarray) -> np.ndarray:
    return array


HOST = Device(there=_as_it_is, back=np.asarray)  # of functions with names, which go to other processes
DEVICES = ("cpu", "gpu")


def find(name: str) -> Device:
    """Return the device of that name.

    Raises:
        RunError: CuPy is not installed, or finds no device.
    """
    if name == "cpu":
        return HOST
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        why = str(error).partition("\n")[0]
        raise RunError(f"device gpu must have CuPy: pip install 'backproof[gpu]' ({why})") from None
    if not cupy.cuda.is_available():
        raise RunError("device gpu must have a card that CUDA can use, got none")
    return Device(there=cupy.asarray, back=cupy.asnumpy)
