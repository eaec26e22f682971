"""Gradients by name: `(dx, {"w": dw, "b": db})`, or one dictionary of all, for the inputs that have these names."""

from typing import Any

from gradcheck.adapters.spellings import by_name
from gradcheck.subjects.adapted import Adapted, names


def in_order(cotangents: Any, inputs: tuple, subject: Adapted) -> Any:
    """Return one cotangent for each input where the last of them are given by name; anything else as it is.

    An input that no name fits has None.
    """
    whole = isinstance(cotangents, dict)
    few = isinstance(cotangents, tuple) and 0 < len(cotangents) < max(len(inputs), 2)
    *front, last = (cotangents,) if whole else cotangents if few else (None,)
    rest = inputs[len(front) :]
    if not isinstance(last, dict) or any(isinstance(x, dict) for x in rest):
        return cotangents
    return *front, *(by_name(last, name) for name in names(subject, inputs)[len(front) :])
