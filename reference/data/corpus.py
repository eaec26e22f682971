"""What a language model is trained on: a text as tokens, part of it held out, and its tokenizer."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from reference.core.words import cut
from reference.data import binary
from reference.data.binary import Tokens
from reference.data.byte_pair import BytePair
from reference.data.errors import DataError
from reference.data.line import digest, read
from reference.data.text import CHUNK, Part, chunks, own, parts, size_of
from reference.data.tokenizer import MOST, Bytes, Characters, Tokenizer, utf8

TRAIN, HELD_OUT, TOKENIZER = "train.bin", "val.bin", "tokenizer.json"  # in a folder that was prepared
WORDS = "bytes", "characters", "byte-pairs"


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Both parts of a text, by one tokenizer."""

    training: Tokens
    held_out: Tokens
    tokenizer: Tokenizer

    @property
    def digest(self) -> str:
        """16 characters that stand for all of it."""
        whole = self.training.contents + self.held_out.contents + digest(self.tokenizer)
        return hashlib.sha256(whole).hexdigest()[:16]

    @classmethod
    def of(cls, files: Sequence[str], word: str, vocabulary: int, line: str = "") -> Self:
        """Return the text of files, or of one folder that was prepared; of no file the derivations of the package.

        The tokenizer is the one that `line` describes, else the one that `word` names, as for `tokenizer_of`; that of
        a folder is the folder's.

        Raises:
            DataError: a file cannot be read, or something in it; the line says which and what.
        """
        paths = [Path(file) for file in files] or own()
        if is_prepared(files):
            return cls.prepared(paths[0])
        training, held_out = texts(paths)
        tokenizer = read(line) if line else tokenizer_of(word, vocabulary, training, held_out)
        known = tokenizer.vocabulary, digest(tokenizer)
        first, last = (Tokens.of(encoded(some, tokenizer), *known) for some in (training, held_out))
        return cls(first, last, tokenizer)

    @classmethod
    def prepared(cls, folder: Path) -> Self:
        """Return what `prepare` wrote, mapped from its files.

        Raises:
            DataError: a file is not there, not whole, or of another tokenizer.
        """
        for name in (TOKENIZER, TRAIN, HELD_OUT):
            if not (folder / name).exists():
                raise DataError(f"{folder}: must be a folder that 'prepare' wrote, got one without {name}")
        path = folder / TOKENIZER
        tokenizer = _read(path)
        first, last = (_of(tokenizer, folder / name, path) for name in (TRAIN, HELD_OUT))
        return cls(first, last, tokenizer)


def texts(paths: Sequence[Path]) -> tuple[list[Part], list[Part]]:
    """Return what of texts is for training, and what is held out.

    Raises:
        DataError: there is no such file, or it is empty, or holds tokens.
    """
    found = parts(paths)
    for path in paths:
        if binary.is_one(path):
            raise DataError(f"{path}: must be a text, or the folder that 'prepare' wrote, got a file of tokens")
    return found


def is_prepared(files: Sequence[str]) -> bool:
    """Whether what is named is one folder, as `prepare` writes it."""
    return len(files) == 1 and Path(files[0]).is_dir()


def text_of(files: Sequence[str], corpus: Corpus) -> Iterator[bytes]:
    """Yield the text of files piece by piece; of a folder that was prepared what its tokens mean."""
    paths = [Path(file) for file in files] or own()
    if is_prepared(files):
        for tokens in (corpus.training, corpus.held_out):
            for first in range(0, len(tokens.ids), CHUNK):
                yield corpus.tokenizer.data(tokens.ids[first : first + CHUNK].tolist())
    else:
        for _, data in chunks(Part(path, 0, size_of(path)) for path in paths):
            yield data


def tokenizer_of(word: str, vocabulary: int, training: Sequence[Part], held_out: Sequence[Part]) -> Tokenizer:
    """Return the tokenizer that a word names: "bytes", "characters" of the text, "byte-pairs" of it, or a file.

    Raises:
        DataError: there is no such tokenizer, or the text is not for it.
    """
    if word == "bytes":
        return Bytes()
    if word == "characters":
        known: set[str] = set()
        for where, data in chunks([*training, *held_out]):
            known |= set(utf8(data, where))
        if len(known) > MOST:
            raise DataError(f"a vocabulary must have at most {MOST:,} characters, got {len(known):,}")
        return Characters(known)
    if word == "byte-pairs":
        return BytePair.trained(chunks(training), vocabulary)
    path = Path(word)
    if path.suffix != ".json":
        raise DataError(f"a tokenizer must be {', '.join(WORDS)} or a tokenizer.json, got {cut(repr(word))}")
    return _read(path)


def _of(tokenizer: Tokenizer, path: Path, where: Path) -> Tokens:
    tokens = binary.read(path)
    if tokens.tokenizer != digest(tokenizer) or tokens.vocabulary != tokenizer.vocabulary:
        want, got = digest(tokenizer).hex()[:8], tokens.tokenizer.hex()[:8]
        raise DataError(f"{path}: must be of the tokenizer in {where}, {want}, got {got}")
    return tokens


def _read(path: Path) -> Tokenizer:
    size_of(path)
    text = utf8(path.read_bytes(), str(path), "that is how tokenizers are written down")
    try:
        return read(text)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def encoded(some: Iterable[Part], tokenizer: Tokenizer) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the ids (N,) of pieces of a text, each with the bytes that it has."""
    for where, data in chunks(some):
        yield tokenizer.encode(data, where), len(data)
