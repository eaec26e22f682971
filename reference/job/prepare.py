"""Text as files of tokens, however much of it there is."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from reference.core.words import many
from reference.data import binary
from reference.data.corpus import HELD_OUT, TOKENIZER, TRAIN, encoded, texts, tokenizer_of
from reference.data.line import digest
from reference.data.text import own
from reference.job.written import Written
from reference.training import files


@dataclasses.dataclass(frozen=True)
class Prepared(Written):
    """Where text is prepared, and in which files."""

    command: ClassVar[str] = "prepare"

    @property
    def files(self) -> tuple[Path, ...]:
        return self.path / TOKENIZER, self.path / HELD_OUT, self.path / TRAIN  # the last is in its place first

    def strangers(self, *_: Path) -> Iterator[Path]:
        """Yield files that do not begin like tokens, and a tokenizer for which none of these stands."""
        tokenizer, *both = self.files
        there = [path for path in both if path.exists()]
        yield from (path for path in there if not binary.is_one(path))
        if tokenizer.exists():
            known = [binary.tokenizer_of(path) for path in there]
            if hashlib.sha256(tokenizer.read_bytes()).digest() not in known:
                yield tokenizer


def prepare(some: Sequence[Path], out: Path, word: str, vocabulary: int, console: Console) -> None:
    """Write the tokens of files, those to train on and those held out, and their tokenizer, to a folder.

    What stood there stays until all is written; the tokenizer goes first and comes last, so that a folder with all
    three holds one text, at whatever moment this is killed.

    Raises:
        DataError: a file cannot be read, or is not for the tokenizer.
        JobError: the folder cannot be written to, or holds a file of such a name that is none of these, which is
            found before any work.
        WriteError: a file cannot be written.
    """
    training, held_out = texts(list(some) or own())
    folder = Prepared(out)
    folder.expect_writable()
    tokenizer = tokenizer_of(word, vocabulary, training, held_out)
    with contextlib.ExitStack() as stack:
        line, *both = (stack.enter_context(files.drafted(path)) for path in folder.files)
        counts = [
            binary.write(file, encoded(of, tokenizer), tokenizer.vocabulary, digest(tokenizer))
            for file, of in zip(both, (held_out, training), strict=True)
        ]
        line.write(tokenizer.line.encode())
        (out / TOKENIZER).unlink(missing_ok=True)
    for name, count in zip((TRAIN, HELD_OUT), reversed(counts), strict=True):
        console.print(f"{out / name}: {many(count, 'token')} of {tokenizer.vocabulary:,}", soft_wrap=True)
    console.print(f"{out / TOKENIZER}: go on with 'python -m reference train text {out}'", soft_wrap=True)
