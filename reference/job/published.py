"""Published weights on the command line: they speak, and models are written as such."""

import dataclasses
import functools
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from reference.core import tree
from reference.data.tokenizer import pieces
from reference.generation.sampling import Sampling
from reference.generation.stream import GREEDY, stream
from reference.job import prompted
from reference.job.errors import JobError, UsageError
from reference.published import folder, library

TOKENIZER = "tokenizer.json"


def speak(
    path: Path, prompt: str, tokens: int, out: TextIO,
    *, sampling: Sampling = GREEDY, seed: int = 0, told: TextIO | None = None,
) -> None:  # fmt: skip
    """Write what the model in a folder says after the prompt, each token as soon as it is said; to `told` how fast.

    With a `tokenizer.json` in the folder the prompt and what is said are text, else they are ids.  A model that
    encodes, such as one that translates, reads the prompt, and begins with its start token.

    Raises:
        UsageError: the prompt is empty or no ids, or `tokens` is less than 1.
        JobError: the folder holds no model, or one that does not speak, or the tokenizer cannot be read.
    """
    if tokens < 1:
        raise UsageError(f"tokens must be at least 1, got {tokens}")
    file = (path if path.is_dir() else path.parent) / TOKENIZER
    try:
        special = folder.special_of(path)
        read, written = _tokenizer(file) if file.is_file() else (_ids, _numbers)
        ids = read(prompt)
        model = library.load(path, np.float32)
        if not hasattr(model, "step"):
            raise JobError(f"{path}: must be a model that speaks, got a {type(model).__name__}")
        reads: dict[str, Any] = {}
        if hasattr(model, "encode"):
            reads["source"], ids = np.array([ids]), [_start(path, special)]
        end, sampling = special.get("eos_token_id"), dataclasses.replace(sampling, banned=_banned(special))
        reads |= {"end": end if type(end) is int else None, "rng": np.random.default_rng(seed)}
        said = stream(model, [ids], length=tokens, sampling=sampling, **reads)
        prompted.say((int(token[0]) for token in said), written, out, told)
    except (ValueError, TypeError) as error:
        raise JobError(str(error)) from None


def convert(source: Path, out: Path, dtype: str | None) -> None:
    """Write a checkpoint of `train`, or published weights, as a folder of published weights.

    Raises:
        JobError: there is no such model, no published layout describes it, or there is something at `out`.
        CheckpointError: the checkpoint is damaged.
    """
    if out.exists():
        raise JobError(f"{out}: must be a new folder, got one that is there")
    try:
        published = source.is_dir() or (source.parent / folder.CONFIG).is_file()
        model = library.load(source, dtype) if published else _trained(source)
        special = folder.special_of(source) if published else {}
        library.save(model if dtype is None else model.astype(dtype), out, special)
    except ValueError as error:
        raise JobError(str(error)) from None


def _start(path: Path, special: dict[str, Any]) -> int:
    """Return the token with which a model that encodes begins: its own, or as T5 does that of padding."""
    start = special.get("decoder_start_token_id", special.get("pad_token_id"))
    if type(start) is not int:
        raise ValueError(f"{path}: a model that encodes must have a 'decoder_start_token_id', got {start!r}")
    return start


def _banned(special: dict[str, Any]) -> tuple[int, ...]:
    """Return the tokens that must not be said: of what is listed, the words of one token."""
    words = special.get("bad_words_ids")
    words = words if isinstance(words, list) else []
    return tuple(word[0] for word in words if isinstance(word, list) and len(word) == 1 and type(word[0]) is int)


def _trained(path: Path) -> Any:
    """Return the model of a checkpoint, each parameter an array of its own."""
    from reference.training.checkpoint import load  # which needs safetensors

    _, state = load(path)
    return tree.map(np.array, state.model)


def _ids(prompt: str) -> list[int]:
    try:
        ids = [int(word) for word in prompt.split()]
    except ValueError:
        raise UsageError(f"a prompt must be ids without a {TOKENIZER}, got {prompt!r}") from None
    if not ids:
        raise UsageError("a prompt must have at least one token, got none")
    return ids


def _numbers(said: Iterator[int]) -> Iterator[str]:
    return (("" if i == 0 else " ") + str(token) for i, token in enumerate(said))


def _tokenizer(file: Path) -> tuple[Callable[[str], list[int]], Callable[[Iterator[int]], Iterator[str]]]:
    """Return text -> ids and ids -> pieces of text, as a published tokenizer does both."""
    if importlib.util.find_spec("tokenizers") is None:
        raise JobError("tokenizers must be installed: pip install 'backproof[text]'")
    package: Any = importlib.import_module("tokenizers")
    try:
        tokenizer = package.Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises no class of its own
        raise JobError(f"{file}: must be a tokenizer, got {str(error).splitlines()[0]}") from None

    def read(prompt: str) -> list[int]:
        ids = list(tokenizer.encode(prompt).ids)
        if not ids:
            raise UsageError("a prompt must have at least one token, got none that the tokenizer knows")
        return ids

    return read, functools.partial(pieces, tokenizer.decode)
