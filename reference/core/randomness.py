"""Who gets the random generator: the layers whose `vjp` names it, so that the others need not know of it."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np


def randomness(layer: Any, rng: np.random.Generator | None) -> dict[str, Any]:
    """Return {"rng": rng} if there is a generator and the layer takes one, {} otherwise.

    Raises:
        TypeError: `rng` is neither None nor a generator of NumPy.
    """
    kind: Any = type(layer)
    expect_generator(kind.__name__, rng)
    return {"rng": rng} if rng is not None and _takes_one(kind) else {}


def expect_generator(where: str, rng: Any) -> None:
    """Raise unless `rng` is a generator of NumPy, or None."""
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(f"{where}: rng must be a numpy.random.Generator or None, got {type(rng).__name__}")


def unmoved(method: Callable) -> Callable:
    """Return the method of a layer with a promise: where a call raises, its `rng` is left where it was.

    What is wrong with a layer deep within a model is found there, when others have drawn already.
    """

    @functools.wraps(method)
    def called(*inputs: Any, **constants: Any) -> Any:
        rng = constants.get("rng")
        if not isinstance(rng, np.random.Generator):
            return method(*inputs, **constants)
        state = rng.bit_generator.state
        try:
            return method(*inputs, **constants)
        except BaseException:
            rng.bit_generator.state = state
            raise

    return called


def takes_randomness(method: Callable) -> bool:
    """Whether `method` has a keyword `rng`, by its name or among those that it hands on."""
    parameters = inspect.signature(method).parameters.values()
    return any(p.kind is p.VAR_KEYWORD or (p.kind is p.KEYWORD_ONLY and p.name == "rng") for p in parameters)


@functools.cache  # a signature is read once for each class, not at each call
def _takes_one(kind: Any) -> bool:
    return "rng" in inspect.signature(kind.vjp).parameters
