"""What a layer may be given for an activation."""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import numpy as np


def expect_activation(where: str, name: str, activation: Any) -> None:
    """Raise unless `activation` is the vjp of a function.

    Given `relu` in place of `relu_vjp`, a layer would take a batch of two for an output and its pullback.

    Raises:
        TypeError: `activation` returns something else than (y, pullback), or nothing.
    """
    title = getattr(activation, "__name__", type(activation).__name__)
    try:
        got = activation(np.zeros(0))
    except Exception as error:
        raise TypeError(
            f"{where}: {name} must return (y, pullback), got {type(error).__name__} from {title}"
        ) from error
    if not (isinstance(got, tuple) and len(got) == 2 and callable(got[1])):
        raise TypeError(f"{where}: {name} must return (y, pullback), got {type(got).__name__} from {title}")


# The vjp of a function that works entry by entry: x -> (y, pullback), with y and pullback(dy) of the shape of x.
Activation: TypeAlias = Annotated[
    Callable[[np.ndarray], tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]],
    "callable, such as relu_vjp",
    expect_activation,
]
