"""Gradients apart from the others: by the inputs' names, `(dx, {"w": dw, "b": db})`, or in order, `(dx, [dw, db])`."""

from collections.abc import Collection, Sequence
from typing import Any

from gradcheck.adapters.spellings import key_of
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, names

ROW = tuple | list
HELD = "what has a gradient is an input, or held by the object whose methods are handed over"


def in_order(cotangents: Any, inputs: tuple, subject: Adapted, known: Collection[Any] = ()) -> Any:
    """Return one cotangent for each input where the last of them come apart; anything else as it is.

    An input that no name fits has None; names that are `known` belong to other arrays.

    Raises:
        TypeError: of another name there is no input, and one lacks its gradient or all come before.
    """
    apart = _apart(cotangents, inputs)
    if apart is None:
        return cotangents
    front, last = apart
    rest = inputs[len(front) :]
    if not isinstance(last, dict):
        return (*front, *last) if rest and len(last) == len(rest) else cotangents
    wanted = names(subject, inputs)
    keys = [key_of(last, name) for name in wanted[len(front) :]]
    found = [None if key is None else last[key] for key in keys]
    strange = [str(key) for key in last if key not in keys and key not in known]
    if strange and (not rest or _lacks(found, rest)):
        want = f"{subject.name} must have gradients by the names {', '.join([*wanted, *map(str, known)])}"
        raise TypeError(f"gradcheck: {want}, got {', '.join(strange)}; {HELD}")
    return found[0] if len(inputs) == len(found) and _is_row(inputs) else (*front, *found)


def parted(cotangents: Any, inputs: tuple) -> tuple[Any, Any]:
    """Return what has the cotangents of the inputs, and what may hold gradients of other arrays, or None."""
    apart = _apart(cotangents, inputs)
    if apart is not None and isinstance(apart[1], dict):
        return cotangents, apart[1]
    if apart is not None and len(apart[0]) == len(inputs):
        return apart
    if isinstance(cotangents, tuple) and len(cotangents) > len(inputs) and not _is_row(inputs):
        return cotangents[: len(inputs)], cotangents[len(inputs) :]
    return cotangents, None


def _apart(cotangents: Any, inputs: tuple) -> tuple[tuple, Any] | None:
    """Return the cotangents of the first inputs, and the container of the rest, unless it is an input's own."""
    whole = isinstance(cotangents, dict)
    if not whole and (not isinstance(cotangents, tuple) or not cotangents or _is_row(inputs)):
        return None
    *front, last = (cotangents,) if whole else cotangents
    if len(front) == 1 and isinstance(front[0], tuple) and not isinstance(inputs[0] if inputs else (), ROW):
        front = [*front[0]]
    kind: Any = dict if isinstance(last, dict) else ROW
    if len(front) > len(inputs) or not isinstance(last, kind):
        return None
    return None if any(isinstance(x, kind) for x in inputs[len(front) :]) else (tuple(front), last)


def _is_row(inputs: tuple) -> bool:
    """Whether a tuple of cotangents may be that of the only input."""
    return len(inputs) == 1 and isinstance(inputs[0], ROW)


def _lacks(found: Sequence[Any], rest: tuple) -> bool:
    """Whether an input with a floating array has no gradient."""
    pairs = zip(found, rest, strict=True)
    return any(d is None and any(True for _ in trees.leaves(x)) for d, x in pairs)
