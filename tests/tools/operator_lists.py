"""Operators whose own backward fails, each with the reason; an entry that is not needed any more is a failure."""

FAILS: dict[str, str] = {}

NOT_TRIED: dict[str, str] = {}  # no sample has at most 200 entries

UNSEEN: dict[str, str] = {}  # an error planted there is not found
