"""Numbers of things, as a person says them, and what came, in a part of a line."""

import math
from typing import Any

MOST = 60  # characters of what came


def many(count: int, what: str) -> str:
    """Return how many there are of what, whose plural ends in s.

    >>> many(1, "token"), many(1000, "token")
    ('1 token', '1,000 tokens')
    """
    return f"{count:,} {what if count == 1 else f'{what}s'}"


def cut(value: Any) -> str:
    """Return what came as text, and only its beginning where it is long.

    >>> cut(1.5), cut("x" * 1000)[55:], cut(10**5000)
    ('1.5', 'xx...', 'a whole number of about 5,000 digits')
    """
    if isinstance(value, int) and value.bit_length() > 4 * MOST:  # Python may refuse to write all of its digits
        return f"a whole number of about {round(value.bit_length() * math.log10(2)):,} digits"
    text = str(value)
    return text if len(text) <= MOST else f"{text[: MOST - 3]}..."
