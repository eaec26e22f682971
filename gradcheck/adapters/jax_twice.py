"""JAX's derivative of its own gradients: reverse mode twice."""

from collections.abc import Callable, Sequence
from typing import Any

from gradcheck.subjects.adapted import NoSecond

REFUSALS = (  # how an error of JAX begins that says of a rule that it cannot be differentiated itself
    "Pure callbacks do not support",
    "IO callbacks do not support",
    "can't apply forward-mode differentiation (jvp) to a custom_vjp function",
    "The numpy.ndarray conversion method __array__() was called on traced array",
    "Reverse-mode differentiation does not work for",
)


def gradients_and_pullback(
    jax: Any, function: Callable, leaves: Sequence[Any], dys: Sequence[Any]
) -> tuple[list[Any], Callable]:
    """Return the gradients of the leaves for the cotangents dys, and a pullback: (d_gradients) -> (d_leaves, d_dys).

    Raises:
        NoSecond: JAX cannot differentiate a rule that stands there.
    """

    def gradients(leaves: Sequence[Any], dys: Sequence[Any]) -> list[Any]:
        _, pullback = jax.vjp(function, *leaves)
        return list(pullback(list(dys)))

    try:
        return jax.vjp(gradients, list(leaves), list(dys))
    except (TypeError, ValueError, NotImplementedError) as error:
        text = " ".join(str(error).split())
        if isinstance(error, NotImplementedError) or text.startswith(REFUSALS):
            raise NoSecond(f"{type(error).__name__}: {text.partition('. ')[0].partition(' See ')[0]}") from error
        raise
