"""Text to token ids and back.

A tokenizer is written down in one line of JSON: `{"bytes": 256}`, the characters that it knows,
`{"characters": "..."}`, or what the package `tokenizers` writes.  A checkpoint has that line.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from reference.data.errors import DataError

MOST = 65_535  # ids that a file of two bytes a token has room for


class Tokenizer(Protocol):
    """What is asked of a tokenizer."""

    @property
    def vocabulary(self) -> int:
        """How many ids there are, at most 65,535."""

    @property
    def line(self) -> str:
        """What it can be made again of."""

    def encode(self, data: bytes, where: str) -> np.ndarray:
        """Map text to ids (N,) of uint16; DataError, beginning with `where`, where it has something unknown."""

    def data(self, ids: Sequence[int]) -> bytes:
        """Map ids to text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Map ids to text; of a character of which bytes are missing there is a replacement character."""


class Bytes:
    """A token is a byte."""

    vocabulary = 256
    line = json.dumps({"bytes": 256})

    def encode(self, data: bytes, where: str) -> np.ndarray:
        return np.frombuffer(data, np.uint8).astype(np.uint16)

    def data(self, ids: Sequence[int]) -> bytes:
        return bytes(ids)

    def decode(self, ids: Sequence[int]) -> str:
        return self.data(ids).decode("utf-8", "replace")


class Characters:
    """A token is a character, of those that are known."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = "".join(sorted(set(known)))
        self._points = points(self.known)

    @property
    def vocabulary(self) -> int:
        return len(self.known)

    @property
    def line(self) -> str:
        return json.dumps({"characters": self.known})

    def encode(self, data: bytes, where: str) -> np.ndarray:
        text = utf8(data, where)
        found = points(text)
        ids = np.minimum(np.searchsorted(self._points, found), max(len(self.known) - 1, 0))
        unknown = np.flatnonzero(self._points[ids] != found)
        if unknown.size:
            raise DataError(f"{where}: characters must be those of the tokenizer, got {text[unknown[0]]!r}")
        return ids.astype(np.uint16)

    def data(self, ids: Sequence[int]) -> bytes:
        return self.decode(ids).encode()

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self.known[i] for i in ids)


def points(text: str) -> np.ndarray:
    """Return the code points (N,) of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def utf8(data: bytes, where: str, advice: str = "with --tokenizer bytes any file will do") -> str:
    """Return the text of bytes.

    Raises:
        DataError: they are not UTF-8; the line ends with the advice.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: must be UTF-8, got byte 0x{data[error.start]:02x}; {advice}"
        ) from None


def shown(text: str) -> str:
    """Return a text in which nothing moves a cursor: what is no space and cannot be printed has its number."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def pieces(decode: Callable[[list[int]], str], said: Iterable[int]) -> Iterator[str]:
    """Yield the text of ids as they are said, a character when it is whole."""
    ids: list[int] = []
    shown = ""
    for token in said:
        ids.append(token)
        text = decode(ids)
        if not text.endswith("\ufffd"):  # a character of which some bytes are still to come
            yield _behind(shown, text)
            shown = text
    yield _behind(shown, decode(ids))


def _behind(shown: str, text: str) -> str:
    """Return what a text has behind what it shares with the one that was shown; some decoders join words anew."""
    if text.startswith(shown):
        return text.removeprefix(shown)
    shared = next((i for i, (one, other) in enumerate(zip(shown, text, strict=False)) if one != other), len(text))
    return text[shared:]
