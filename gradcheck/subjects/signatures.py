"""Whether a function takes what it is to be handed, asked before it is called, and how that is said."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np


def takes(function: Callable, *arguments: Any, **constants: Any) -> bool:
    """Whether a function can be called with such arguments; a builtin without a signature takes what it gets."""
    if isinstance(function, np.ufunc):
        return function.nin == len(arguments)
    try:
        inspect.signature(function).bind(*arguments, **constants)
    except ValueError:
        return True
    except TypeError:
        return False
    return True


def written(function: Callable) -> str:
    """Return a function as it is written: its name and its parameters."""
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name}{inspect.signature(function)}"
