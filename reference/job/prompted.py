"""What a model says behind a prompt: where the prompt comes from, how tokens are drawn, and how fast they come."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from reference.core.paths import instead_of_file
from reference.core.words import many
from reference.generation.sampling import Sampling
from reference.job.errors import JobError, UsageError
from reference.job.parser import place

FIELDS = {"temperature": "temperature", "top_k": "k", "top_p": "p", "min_p": "min_p", "penalty": "penalty"}
STDIN = Path("-")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of which `text` and `sampling` speak."""
    parser.add_argument("--prompt", metavar="TEXT", help=(
        "what a model of text goes on from; for published weights without a tokenizer.json ids such as '3 1 2'; of a "
        "model of another task sequences to read, one a line"))
    parser.add_argument("--prompt-file", type=place, metavar="FILE", help=(
        "a file with it in UTF-8; - is standard input"))
    parser.add_argument("--tokens", type=int, metavar="N", help=(
        "how many it says after it at most (default: 50, or as many as published weights have positions for)"))
    parser.add_argument("--temperature", type=float, metavar="T", help=(
        "by which logits are divided before a token is drawn; 0 takes the likeliest (default: 0 for published weights, "
        "0.8 for a model of text)"))
    parser.add_argument("--top-k", type=int, metavar="K", help="how many of the likeliest tokens may be drawn")
    parser.add_argument("--top-p", type=float, metavar="P", help=(
        "the fewest of the likeliest tokens that have this probability together may be drawn"))
    parser.add_argument("--min-p", type=float, metavar="P", help=(
        "tokens of at least this share of the probability of the likeliest may be drawn"))
    parser.add_argument("--end", type=int, nargs="+", metavar="ID", help=(
        "of tokens at which it stops (default: those of published weights; none for a model of text)"))
    parser.add_argument("--penalty", type=float, metavar="X", help="on what was said before; above 1 it is said less")


def asked(given: dict[str, Any]) -> bool:
    """Whether the options of a command ask for what stands behind a prompt."""
    return bool({"prompt", "prompt_file", "tokens", "end", *FIELDS} & given.keys())


def expect_alone(given: dict[str, Any], task: str) -> None:
    """Raise UsageError if options for what goes on stand beside the prompt of a model of another task."""
    for name in ("tokens", "end", *FIELDS):
        if name in given:
            raise UsageError(f"{name.replace('_', '-')} must be for a model of text, got one of {task}")


def text(given: dict[str, Any]) -> str:
    """Return the prompt; of a file all but the end of its last line.

    Raises:
        UsageError: there is none, or more than one.
        JobError: the file cannot be read, or what was given is no text.
    """
    if "prompt" in given and "prompt_file" in given:
        raise UsageError("prompt must come without prompt-file, got both")
    if "prompt" in given:
        return decoded("prompt", os.fsencode(given["prompt"]))
    if "prompt_file" not in given:
        raise UsageError("a prompt must be given by --prompt or --prompt-file, got none")
    path, shown = given["prompt_file"], "standard input" if given["prompt_file"] == STDIN else given["prompt_file"]
    if path != STDIN and (got := instead_of_file(path)) is not None:
        raise JobError(f"{shown}: must be a file, or - for standard input, got {got}")
    try:
        read = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as error:
        raise JobError(f"{shown}: cannot be read ({error.strerror})") from None
    return decoded(shown, read).removesuffix("\n").removesuffix("\r")


def decoded(shown: Any, read: bytes) -> str:
    """Return the text of bytes that were given, on the command line too; JobError where they are none."""
    try:
        return read.decode("utf-8")
    except UnicodeDecodeError as error:
        got = f"byte {error.object[error.start]} at {error.start}"
        raise JobError(f"{shown}: must be text in UTF-8, got {got}") from None


def sampling(given: dict[str, Any], default: Sampling) -> Sampling:
    """Return how tokens are drawn: as by default, but for what the options say.

    Raises:
        UsageError: an option is out of range, or chooses among tokens of which the likeliest is taken.
    """
    found = {field: given[name] for name, field in FIELDS.items() if name in given}
    values = {field: getattr(default, field) for field in FIELDS.values()} | found
    for name, field in FIELDS.items():
        if field in found and field in ("k", "p", "min_p") and values["temperature"] == 0:
            raise UsageError(f"{name.replace('_', '-')} must come with a temperature above 0, got 0")
    try:
        return Sampling(**values)
    except (TypeError, ValueError) as error:
        word, _, rest = str(error).removeprefix("Sampling: ").partition(" ")
        option = next(name for name, field in FIELDS.items() if field == word)
        raise UsageError(f"{option.replace('_', '-')} {rest}") from None


Pieces = Callable[[Iterator[int]], Iterator[str]]  # ids as they come -> text as it comes


def say(said: Iterator[int], pieces: Pieces, out: TextIO, told: TextIO | None) -> None:
    """Write the text of tokens, each as soon as it is there, and to `told` how fast they came."""
    count, start = 0, time.perf_counter()

    def counted() -> Iterator[int]:
        nonlocal count
        for token in said:
            count += 1
            yield token

    for piece in pieces(counted()):
        out.write(piece)
        out.flush()
    out.write("\n")
    out.flush()
    if told is not None:
        tell(told, count, time.perf_counter() - start)


def tell(told: TextIO, count: int, seconds: float) -> None:
    """Write how many tokens were said in how long."""
    told.write(f"{many(count, 'token')}, {_pace(count / max(seconds, 1e-9))} a second\n")


def _pace(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
