"""Text as files of tokens, however much of it there is."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from reference.data import binary
from reference.data.corpus import HELD_OUT, TOKENIZER, TRAIN, encoded, tokenizer_of
from reference.data.line import digest
from reference.data.text import own, parts
from reference.training import files


def prepare(some: Sequence[Path], out: Path, word: str, vocabulary: int, console: Console) -> None:
    """Write the tokens of files, those to train on and those held out, and their tokenizer, to a folder.

    Raises:
        DataError: a file cannot be read, or is not for the tokenizer.
        WriteError: the folder cannot be written to.
    """
    training, held_out = parts(list(some) or own())
    tokenizer = tokenizer_of(word, vocabulary, training, held_out)
    for name, of in ((TRAIN, training), (HELD_OUT, held_out)):
        with files.drafted(out / name) as file:
            count = binary.write(file, encoded(of, tokenizer), tokenizer.vocabulary, digest(tokenizer))
        console.print(f"{out / name}: {count:,} tokens of {tokenizer.vocabulary:,}", soft_wrap=True)
    files.write(out / TOKENIZER, tokenizer.line.encode())
    console.print(f"{out / TOKENIZER}: go on with 'python -m reference train text {out}'", soft_wrap=True)
