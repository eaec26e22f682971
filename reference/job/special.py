"""What a folder of published weights says of special tokens: where to begin and to stop, and what is said or not."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def expect_known(what: str, ids: Sequence[int], vocabulary: int) -> None:
    """Raise ValueError unless a model of such a vocabulary knows the ids."""
    for token in ids:
        if not 0 <= token < vocabulary:
            raise ValueError(f"{what} must have ids in [0, {vocabulary}), got {token}")


def start(path: Path, special: dict[str, Any]) -> int:
    """Return the token with which a model that encodes begins: its own, or as T5 does that of padding."""
    start = special.get("decoder_start_token_id", special.get("pad_token_id"))
    if type(start) is not int:
        raise ValueError(f"{path}: a model that encodes must have a 'decoder_start_token_id', got {start!r}")
    return start


def ends(path: Path, special: dict[str, Any], vocabulary: int) -> list[int] | None:
    """Return the end tokens of a folder, which names one or several, or None."""
    said = special.get("eos_token_id", [])
    found = said if isinstance(said, list) else [said]
    if not all(type(token) is int for token in found):
        raise ValueError(f"{path}: 'eos_token_id' must be an id or a list of ids, got {said!r}")
    expect_known(f"{path}: 'eos_token_id'", found, vocabulary)
    return found or None


def banned(special: dict[str, Any]) -> tuple[int, ...]:
    """Return the tokens that must not be said: of what is listed, the words of one token."""
    words = special.get("bad_words_ids")
    words = words if isinstance(words, list) else []
    return tuple(word[0] for word in words if isinstance(word, list) and len(word) == 1 and type(word[0]) is int)


def forced(path: Path, special: dict[str, Any], end: str, vocabulary: int) -> int | None:
    """Return the token that must be said first, where `end` is "bos", or as the last of those asked for, "eos"."""
    name = f"forced_{end}_token_id"
    token = special.get(name)
    if token is None:
        return None
    if type(token) is not int:
        raise ValueError(f"{path}: '{name}' must be an id, got {token!r}")
    expect_known(f"{path}: '{name}'", [token], vocabulary)
    return token


def with_forced(said: Iterator[int], length: int, first: int | None, last: int | None) -> Iterator[int]:
    """Yield the first token that must be said, if there is one, what is `said` behind it, and the last as the last.

    The last is said where the end of `length` tokens comes before any other end does.
    """
    before = 0 if first is None else 1
    if first is not None:
        yield first if length > 1 or last is None else last
    for n, token in enumerate(said, before + 1):
        yield last if n == length and last is not None else token
