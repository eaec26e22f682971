"""Tokenizers by the lines that describe them."""

import functools
import hashlib
import json

from reference.data.byte_pair import BytePair
from reference.data.errors import DataError
from reference.data.tokenizer import MOST, Bytes, Characters, Tokenizer


@functools.lru_cache(maxsize=8)
def read(line: str) -> Tokenizer:
    """Return the tokenizer that a line describes.

    Raises:
        DataError: it describes none.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"a tokenizer must be a JSON object, got {line[:40]!r}")
    if found.keys() == {"bytes"}:
        return Bytes()
    if found.keys() == {"characters"}:
        if not isinstance(known := found["characters"], str) or not 0 < len(set(known)) <= MOST:
            raise DataError(f"a tokenizer must know 1 to {MOST:,} characters, got {str(known)[:40]!r}")
        return Characters(known)
    return BytePair(line)


def digest(tokenizer: Tokenizer) -> bytes:
    """Return 32 bytes that stand for a tokenizer."""
    return hashlib.sha256(tokenizer.line.encode()).digest()
