"""Who gets the random generator: the layers whose `vjp` names it, so that the others need not know of it."""

import functools
import inspect
from typing import Any

import numpy as np


def randomness(layer: Any, rng: np.random.Generator | None) -> dict[str, Any]:
    """Return {"rng": rng} if there is a generator and the layer takes one, {} otherwise.

    Raises:
        TypeError: `rng` is neither None nor a generator of NumPy.
    """
    if rng is None:
        return {}
    if not isinstance(rng, np.random.Generator):
        where, got = type(layer).__name__, type(rng).__name__
        raise TypeError(f"{where}: rng must be a numpy.random.Generator or None, got {got}")
    kind: Any = type(layer)
    return {"rng": rng} if _takes_one(kind) else {}


@functools.cache  # a signature is read once for each class, not at each call
def _takes_one(kind: Any) -> bool:
    return "rng" in inspect.signature(kind.vjp).parameters
