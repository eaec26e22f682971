"""Ids of a vocabulary, and those among them at which a sequence ends."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from reference.core.shapes import expect_whole_number
from reference.core.words import cut

Ends: TypeAlias = int | Sequence[int] | None  # an end token, several of them, or none


def expect_token(where: str, name: str, token: Any, vocabulary: int) -> None:
    """Raise unless `token` is the id of a vocabulary."""
    expect_whole_number(where, name, token)
    if not 0 <= token < vocabulary:
        raise ValueError(f"{where}: {name} must lie in [0, {vocabulary}), got {cut(token)}")


def end_tokens(where: str, end: Any, vocabulary: int) -> tuple[int, ...]:
    """Return the ids at which a sequence ends: the one that is given, all of a list or a tuple, none for None.

    Raises:
        TypeError: `end` is none of these, or one of several is not a whole number.
        ValueError: an id is outside the vocabulary, or a list or a tuple is empty.
    """
    if end is None:
        return ()
    if not isinstance(end, list | tuple):
        expect_token(where, "end", end, vocabulary)
        return (int(end),)
    if not end:
        raise ValueError(f"{where}: end must be an id, several ids or None, got an empty {type(end).__name__}")
    for i, token in enumerate(end):
        expect_token(where, f"end[{i}]", token, vocabulary)
    return tuple(dict.fromkeys(map(int, end)))


def are_among(ids: Any, ends: Sequence[int]) -> Any:
    """Return an array like `ids`, True where an id is one of `ends`."""
    found = ids != ids
    for token in ends:
        found = found | (ids == token)
    return found


def until(ids: Sequence[int], ends: Sequence[int]) -> list[int]:
    """Return the ids up to the first that is one of `ends`, without it."""
    stop = next((i for i, token in enumerate(ids) if token in ends), len(ids))
    return list(ids[:stop])
