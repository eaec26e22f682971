"""Byte-pair encodings and other tokenizers of the package `tokenizers`.

Source: Sennrich et al. 2016 (arXiv:1508.07909), sec. 3.2; on bytes: Radford et al. 2019, "Language models are
unsupervised multitask learners", sec. 2.2.
"""

import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from reference.data.errors import DataError
from reference.data.tokenizer import MOST, utf8

PACKAGE = "tokenizers"


class BytePair:
    """What a `tokenizer.json` describes, without special tokens around a text."""

    def __init__(self, line: str) -> None:
        """Read it.

        Raises:
            DataError: it is no tokenizer, the package is not there, or there are more ids than 65,535.
        """
        self.line = line
        try:
            self._inner = package().Tokenizer.from_str(line)
        except DataError:
            raise
        except Exception as error:  # the package raises no class of its own
            raise DataError(f"a tokenizer must be one that tokenizers reads, got {_brief(error)}") from None
        self.vocabulary = 1 + max(self._inner.get_vocab().values(), default=-1)
        if not 0 < self.vocabulary <= MOST:
            raise DataError(f"a vocabulary must have 1 to {MOST:,} tokens, got {self.vocabulary:,}")

    @classmethod
    def trained(cls, chunks: Iterable[tuple[str, bytes]], vocabulary: int) -> Self:
        """Return the encoding of bytes whose pairs are merged as they occur in a text, at most to so many tokens.

        Raises:
            DataError: the text is not UTF-8, the package is not there, or fewer tokens are asked for than bytes there
                are or more than 65,535.
        """
        if not 256 <= vocabulary <= MOST:
            raise DataError(f"a vocabulary of byte pairs must have 256 to {MOST:,} tokens, got {vocabulary:,}")
        every, inner = package(), package().Tokenizer(package().models.BPE())
        inner.pre_tokenizer = every.pre_tokenizers.ByteLevel(add_prefix_space=False)
        inner.decoder = every.decoders.ByteLevel()
        alphabet = sorted(every.pre_tokenizers.ByteLevel.alphabet())
        trainer = every.trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
        inner.train_from_iterator((utf8(data, where) for where, data in chunks), trainer)
        return cls(inner.to_str())

    def encode(self, data: bytes, where: str) -> np.ndarray:
        ids = self._inner.encode(utf8(data, where), add_special_tokens=False).ids
        return np.array(ids, np.uint16)

    def data(self, ids: Sequence[int]) -> bytes:
        return self.decode(ids).encode()

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._inner.decode(list(ids), skip_special_tokens=False))


def package() -> Any:
    """Return the package; DataError where it is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise DataError(f"{PACKAGE} must be installed: pip install 'backproof[text]'")
    return importlib.import_module(PACKAGE)


def _brief(error: BaseException) -> str:
    return f"{str(error).partition(chr(10))[0][:120]!r}"
