"""Settings that hold for some parameters and not for others: which, and one number for each."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.shapes import got

Which = Callable[[str, Any], bool]  # of the path of a parameter and the parameter


def matrices(path: str, parameter: np.ndarray) -> bool:  # noqa: ARG001, the interface of every choice
    """Whether a parameter has two axes or more: weights and tables, no bias and no gain of a norm."""
    return parameter.ndim >= 2


def everything(path: str, parameter: np.ndarray) -> bool:  # noqa: ARG001, the interface of every choice
    """True of every parameter."""
    return True


def expect_which(where: str, name: str, which: Any) -> None:
    """Raise unless `which` may be asked about a parameter.

    Raises:
        TypeError: it is no function.
    """
    if not callable(which) or isinstance(which, type):
        raise TypeError(f"{where}: {name} must be a function of a path and a parameter, got {got(which)}")


def chosen(where: str, name: str, which: Which, model: Any) -> tuple[bool, ...]:
    """Return what `which` says of each parameter, in the order of `tree.leaves`.

    Raises:
        TypeError: the answer is neither True nor False.
    """
    answers = []
    for path, parameter in tree.leaves(model):
        answer = which(path, parameter)
        if not isinstance(answer, bool | np.bool):
            raise TypeError(f"{where}: {name} must say True or False of '{path or 'model'}', got {got(answer)}")
        answers.append(bool(answer))
    return tuple(answers)


def numbers(where: str, name: str, number: float, which: Which, model: Any) -> tuple[float, ...]:
    """Return `number` for each parameter that is chosen, 0 for the others, as Python floats.

    Raises:
        TypeError: as `chosen` does.
    """
    return tuple(float(number) if one else 0.0 for one in chosen(where, name, which, model))


def map_each(f: Callable[..., Any], values: tuple, model: Any, *rest: Any) -> Any:
    """Apply `f(value, leaf, ...)` leaf by leaf, with one of `values` for each leaf; return the structure of `model`.

    Raises:
        TypeError, ValueError: as `tree.map` does.
        ValueError: there are fewer or more values than leaves.
    """
    count = len(tree.leaves(model))
    if len(values) != count:
        raise ValueError(f"there must be one value for each of {count} parameters, got {len(values)}")
    given = iter(values)
    return tree.map(lambda *leaves: f(next(given), *leaves), model, *rest)


def only(which: tuple[bool, ...], model: Any) -> Any:
    """Return the parameters that are chosen, at their paths; None stands in place of the others."""
    return map_each(lambda one, leaf: leaf if one else None, which, model)


def merged(model: Any, *parts: Any) -> Any:
    """Return `model` with the parameters of `parts`, each of which stands at its path in one of them."""
    found = {path: leaf for part in parts for path, leaf in tree.leaves(part)}
    leaves = iter([found[path] for path, _ in tree.leaves(model)])
    return tree.map(lambda _: next(leaves), model)
