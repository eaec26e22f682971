"""A pattern among entries is no accident if it goes with the values when these change places."""

from collections.abc import Callable

import numpy as np

from gradcheck.diagnosis.evidence import Evidence

Said = Callable[[np.ndarray, np.ndarray], str | None]  # of which entries are wrong, and their values


def turned(e: Evidence, part: np.ndarray | None = None) -> Evidence | None:
    """Return the same where the array's values, or those of a part (n,) of its entries, are those from the other end.

    None where that cannot be had.
    """
    return at_values(e, e.x.ravel()[::-1] if part is None else np.where(part, e.x.ravel()[::-1], e.x.ravel()))


def at_values(e: Evidence, values: np.ndarray) -> Evidence | None:
    """Return the same where the array has other values (n,), or None."""
    try:
        other = e.changed({e.leaf: values.reshape(e.shape)}, e.at)
    except Exception:  # the user's code may not take it
        return None
    return other if other is not None and other.claimed.shape == e.claimed.shape else None


def follows(e: Evidence, condition: Said) -> bool:
    """Whether one condition on the values tells the wrong entries, here and where the values stand otherwise."""
    other = turned(e)
    if other is None:
        return False
    parts, values = [e.wrong, other.wrong], [e.x.ravel(), other.x.ravel()]
    return condition(np.concatenate(parts), np.concatenate(values)) is not None


def returns(e: Evidence, said: str, condition: Said) -> bool:
    """Whether what is said of the wrong entries is said of others where the values stand otherwise."""
    others = (at_values(e, values) for values in (e.x.ravel()[::-1], np.roll(e.x.ravel(), 1)))
    other = next((x for x in others if x is not None and not np.array_equal(x.wrong, e.wrong)), None)
    return other is not None and condition(other.wrong, other.x) == said
