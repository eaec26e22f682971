"""The methods of an array that are functions of NumPy's: a class of arrays hands them to its own protocol."""

from collections.abc import Iterable
from typing import Any

import numpy as np

METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "clip", "conj", "cumprod", "cumsum", "diagonal", "dot", "max", "mean",
    "min", "nonzero", "prod", "ravel", "repeat", "reshape", "squeeze", "std", "sum", "swapaxes", "take", "trace",
    "transpose", "var",
)  # fmt: skip
SPREAD = {"reshape", "transpose"}  # that take their numbers one by one, or in a tuple


def add_methods(kind: type, more: Iterable[str] = ()) -> None:
    """Let `x.name(...)` of a class be `np.name(x, ...)`, for METHODS and for `more`.

    NumPy asks for methods such as `exp` of the entries of an array of objects.
    """
    for name in (*METHODS, *more):
        setattr(kind, name, _method(name))


def _method(name: str) -> Any:
    function = getattr(np, name)

    def called(self: Any, *args: Any, **options: Any) -> Any:
        if name in SPREAD and args and not isinstance(args[0], tuple | list | None):
            args = (args,)
        return function(self, *args, **options)

    return called
