"""Files of tokens: a header, then two bytes a token, read as they are asked for and never held all at once."""

import dataclasses
import hashlib
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from reference.core.paths import instead_of_file
from reference.data.errors import DataError

MAGIC, VERSION = b"bptokens", 1
HEADER = struct.Struct("<8sIIQQ32s32s")  # magic, version, vocabulary, tokens, bytes of text, tokenizer, contents
TOKEN = np.dtype("<u2")
CHUNK = 2**20  # tokens


@dataclasses.dataclass(frozen=True, eq=False)
class Tokens:
    """A text as tokens, and what stands in the header."""

    ids: np.ndarray    # (N,), of uint16: in memory, or mapped from a file
    size: int          # bytes of the text
    vocabulary: int
    tokenizer: bytes   # which stands for it
    contents: bytes    # SHA-256 of the ids

    @classmethod
    def of(cls, pieces: Iterable[tuple[np.ndarray, int]], vocabulary: int, tokenizer: bytes) -> Self:
        """Return those of pieces, ids (N,) and the bytes that they stand for, in memory."""
        found = list(pieces)
        ids = np.concatenate([np.empty(0, TOKEN), *(ids for ids, _ in found)]).astype(TOKEN, copy=False)
        contents = hashlib.sha256(ids.tobytes()).digest()
        return cls(ids, sum(size for _, size in found), vocabulary, tokenizer, contents)


def write(file: BinaryIO, pieces: Iterable[tuple[np.ndarray, int]], vocabulary: int, tokenizer: bytes) -> int:
    """Write pieces, ids (N,) and the bytes that they stand for, each when it comes; return how many tokens."""
    file.write(bytes(HEADER.size))
    count, size, contents = 0, 0, hashlib.sha256()
    for ids, of_text in pieces:
        data = ids.astype(TOKEN, copy=False).tobytes()
        file.write(data)
        contents.update(data)
        count, size = count + len(ids), size + of_text
    file.seek(0)
    file.write(HEADER.pack(MAGIC, VERSION, vocabulary, count, size, tokenizer, contents.digest()))
    return count


def is_one(path: Path) -> bool:
    """Whether a file that is there begins like a file of tokens."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def tokenizer_of(path: Path) -> bytes:
    """Return what stands for the tokenizer in the header of a file that is there, whole or damaged."""
    with path.open("rb") as file:
        return file.read(HEADER.size)[-64:-32]


def read(path: Path) -> Tokens:
    """Return the tokens of a file, which stay there.

    Raises:
        DataError: it is no such file, or not a whole one, or its tokens are not those that were written.
    """
    if (got := instead_of_file(path)) is not None:
        raise DataError(f"{path}: must be a file, got {got}")
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEADER.size)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if len(head) < HEADER.size or not head.startswith(MAGIC):
        raise DataError(f"{path}: must be a file of tokens as 'prepare' writes them, got another")
    _, version, vocabulary, count, size, tokenizer, contents = HEADER.unpack(head)
    if version != VERSION:
        raise DataError(f"{path}: must be of version {VERSION}, got {version}")
    if (want := HEADER.size + count * TOKEN.itemsize) != length:
        raise DataError(f"{path}: must have {want:,} bytes for its {count:,} tokens, got {length:,}")
    ids = np.memmap(path, TOKEN, "r", HEADER.size, (count,)) if count else np.empty(0, TOKEN)
    tokens = Tokens(ids, size, vocabulary, tokenizer, contents)
    _expect_whole(path, tokens)
    return tokens


def _expect_whole(path: Path, tokens: Tokens) -> None:
    """Raise DataError unless the tokens are those that the header stands for: all are read, once and piece by piece."""
    found, vocabulary, contents = hashlib.sha256(), tokens.vocabulary, tokens.contents
    for first in range(0, len(tokens.ids), CHUNK):
        piece = tokens.ids[first : first + CHUNK]
        found.update(piece.tobytes())
        if (largest := int(piece.max())) >= vocabulary:
            raise DataError(f"{path}: a token must be below {vocabulary:,}, its vocabulary, got {largest:,}")
    if found.digest() != contents:
        want, got = contents.hex()[:8], found.hexdigest()[:8]
        raise DataError(f"{path}: must hold the tokens that its header stands for, {want}, got {got}")
