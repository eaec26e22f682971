"""What is learned from a table of two columns: to say the second where the first is read.

N rows, S tokens of the longest source, T of the longest answer.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from reference.core.kinds import Size
from reference.data.corpus import tokenizer_of
from reference.data.errors import DataError
from reference.data.line import read
from reference.data.table import rows, split
from reference.data.text import Part, size_of
from reference.data.tokenizer import Bytes, Tokenizer, shown
from reference.tasks.learned import Learned
from reference.tasks.task import START, Examples

END, PAD, OWN = 1, 2, 3  # the token after an answer, what fills a row, and the first id of the tokenizer
UNASKED = -1             # the label of a place of which nothing is asked


@dataclasses.dataclass(frozen=True, eq=False)
class Padded(Examples):
    """Rows of different lengths, filled up."""

    @property
    def target(self) -> np.ndarray:
        start = np.full((len(self), 1), START)
        return np.concatenate([start, np.where(self.asked, self.labels, PAD)[:, :-1]], axis=1)

    @property
    def seen(self) -> np.ndarray:
        return self.source != PAD

    @property
    def asked(self) -> np.ndarray:
        return self.labels != UNASKED

    @classmethod
    def of(cls, sources: Sequence[np.ndarray], answers: Sequence[np.ndarray], lengths: tuple[int, int]) -> Self:
        """Return rows of ids, each up to the length of its column."""
        return cls(_filled(sources, lengths[0], PAD), _filled(answers, lengths[1], UNASKED))


class Columns(Learned):
    """A subclass says what it makes of the second column."""

    files: tuple[str, ...] = ()
    tokenizer: str = "characters"
    vocabulary: Size = 1024
    longest: Size = 64
    line: str = Bytes.line  # of the tokenizer
    digest: str = ""        # of the table
    training: Size = 1      # rows
    held_out: Size = 1
    source_length: Size = 1
    answer_length: Size = 1

    texts: ClassVar = {
        "tokenizer": "of a text: bytes, characters, byte-pairs trained on the table, or the path of a tokenizer.json",
        "vocabulary": "tokens of byte-pairs that are trained",
        "longest": "tokens of a text that are read, or said; what is longer is cut",
    }
    follow: ClassVar[tuple[str, ...]] = (
        "line", "digest", "training", "held-out", "source-length", "answer-length",
    )  # fmt: skip

    @classmethod
    def settled(cls, entries: Mapping[str, Any]) -> Mapping[str, Any]:
        if "digest" in entries:
            return entries
        own = cls.of({name: value for name, value in entries.items() if name in cls.names()})
        path = own._path
        whole = Part(path, 0, size_of(path))
        found = rows(path)
        line = tokenizer_of(own.tokenizer, own.vocabulary, [whole], []).line
        training, held_out = split(found)
        if not training:
            raise DataError(f"{path}: must have two different texts in its first column, got {min(len(found), 1)}")
        besides = cls.known(path, found)
        known = dataclasses.replace(own, line=line, **besides)
        sources, answers = known.encoded(found)
        return {
            **entries, "line": line, "digest": known._digest(), "training": len(training), "held-out": len(held_out),
            "source-length": max(map(len, sources)), "answer-length": max(map(len, answers)), **besides,
        }  # fmt: skip

    @classmethod
    def known(cls, path: Path, found: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """Return what a subclass reads off a table besides, by the name of its field; DataError where it cannot."""
        return {}

    @property
    def encoder(self) -> Tokenizer:
        """What maps text to ids and back."""
        return read(self.line)

    @property
    def tokens(self) -> int:
        return self.encoder.vocabulary + OWN

    @property
    def sizes(self) -> tuple[int, int]:
        return self.source_length, self.answer_length

    def draw(self, rng: np.random.Generator) -> tuple[Padded, Padded]:
        """Return the rows to train on, and those of every tenth text in the first column.

        Raises:
            DataError: the table is another than that of the run.
        """
        found = rows(self._path)
        if self._digest() != self.digest:
            raise DataError(f"{self._path}: must be the table of the run, {self.digest}, got {self._digest()}")
        sources, answers = self.encoded(found)
        every = Padded.of(sources, answers, self.sizes)
        training, held_out = split(found)
        return every[np.array(training)], every[np.array(held_out)]

    def encoded(self, found: Sequence[tuple[str, str]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the ids of both columns, row by row, cut where they are too long."""
        return [self.source_ids(source) for source, _ in found], [self.answer_ids(answer) for _, answer in found]

    def source_ids(self, text: str) -> np.ndarray:
        """Return the ids (S,) of a text that is read, at most as many as are read."""
        return self.ids(text)[: self.longest]

    def answer_ids(self, text: str) -> np.ndarray:
        """Return the ids (T,) of what is said, at most as many as are said."""
        raise NotImplementedError

    def ids(self, text: str) -> np.ndarray:
        """Return the ids (N,) of a text."""
        return self.encoder.encode(text.encode(), "a text").astype(np.int64) + OWN

    def asked(self, words: Sequence[str]) -> Padded:
        source = self.source_ids(" ".join(words))[: self.source_length]
        nothing = np.empty(0, np.int64)
        return Padded.of([source], [nothing], self.sizes)

    def name_of(self, token: int) -> str:
        return {START: "start", END: "end", PAD: ""}.get(token) or self._text([token])

    def source_text(self, ids: np.ndarray) -> str:
        return self._text(ids.tolist())

    def _text(self, ids: Iterable[int]) -> str:
        return shown(self.encoder.decode([token - OWN for token in ids if token >= OWN]))

    @property
    def _path(self) -> Path:
        if len(self.files) != 1:
            raise DataError(f"files must be one table with two columns, got {len(self.files)} files")
        return Path(self.files[0])

    def _digest(self) -> str:
        return hashlib.sha256(self._path.read_bytes()).hexdigest()[:16]


def _filled(some: Sequence[np.ndarray], length: int, with_what: int) -> np.ndarray:
    filled = np.full((len(some), length), with_what)
    for row, ids in zip(filled, some, strict=True):
        row[: len(ids)] = ids[:length]
    return filled
