"""Numbers of things, as a person says them."""


def many(count: int, what: str) -> str:
    """Return how many there are of what, whose plural ends in s.

    >>> many(1, "token"), many(1000, "token")
    ('1 token', '1,000 tokens')
    """
    return f"{count:,} {what if count == 1 else f'{what}s'}"
