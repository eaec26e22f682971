"""Published weights on the command line: they speak, and models are written as such."""

import dataclasses
import functools
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from reference.core import tree
from reference.core.shapes import got
from reference.core.words import cut
from reference.data.layout import tokenizer_json
from reference.data.tokenizer import pieces
from reference.generation.sampling import Sampling
from reference.generation.stream import GREEDY, stream
from reference.job import prompted, special
from reference.job.errors import JobError, UsageError
from reference.layers.learned import LearnedPositions
from reference.published import folder, library
from reference.tasks.text import Text

TOKENIZER = folder.TOKENIZER
TOKENS = 50  # that are said unless another number is asked for


def speak(
    path: Path, prompt: str, tokens: int | None, out: TextIO,
    *, sampling: Sampling = GREEDY, seed: int = 0, end: Sequence[int] | None = None, told: TextIO | None = None,
) -> None:  # fmt: skip
    """Write what the model in a folder says after the prompt, each token as soon as it is said; to `told` how fast.

    It says at most so many tokens; where that is None, 50, or fewer where the model has positions for fewer.  It stops
    at an `end`, or without one at any of the end tokens of the folder.  With a `tokenizer.json` in the folder
    the prompt and what is said are text, else they are ids.  A model that encodes, such as one that translates, reads
    the prompt, and begins with its start token.  What the folder forces is said: a token behind a prompt of one, such
    as the start token, and another as the last of so many.

    Raises:
        UsageError: the prompt is empty or no ids, or `tokens` is less than 1.
        JobError: the folder holds no model, or one that does not speak, or has no positions for prompt and tokens, or
            does not know an id; its special tokens are none; or the tokenizer cannot be read, or cannot read the
            prompt, or does not know what the model says.
    """
    if tokens is not None and tokens < 1:
        raise UsageError(f"tokens must be at least 1, got {tokens}")
    file = (path if path.is_dir() else path.parent) / TOKENIZER
    try:
        given = folder.special_of(path)
        read, written = _tokenizer(file) if file.is_file() else (_ids, _numbers)
        ids = read(prompt)
        model = library.load(path, np.float32)
        if not hasattr(model, "step"):
            raise JobError(f"{path}: must be a model that speaks, got {got(model)}")
        special.expect_known(f"{path}: a prompt", ids, model.width_out)
        reads: dict[str, Any] = {"end": special.ends(path, given, model.width_out) if end is None else end}
        if hasattr(model, "encode"):
            reads["source"], ids = np.array([ids]), [special.start(path, given)]
            special.expect_known(f"{path}: 'decoder_start_token_id'", ids, model.width_out)
        sampling = dataclasses.replace(sampling, banned=special.banned(given))
        special.expect_known(f"{path}: 'bad_words_ids'", sampling.banned, model.width_out)
        length = _length(path, model, len(ids), tokens)
        first, last = (special.forced(path, given, end, model.width_out) for end in ("bos", "eos"))
        first = first if len(ids) == 1 else None  # elsewhere the prompt has what comes first
        begun, left = (ids, length) if first is None else ([*ids, first], length - 1)
        said: Iterator[Any] = iter(())
        if left and first not in (reads["end"] or ()):
            said = stream(model, [begun], length=left, sampling=sampling, rng=np.random.default_rng(seed), **reads)
        prompted.say(special.with_forced((int(token[0]) for token in said), length, first, last), written, out, told)
    except (ValueError, TypeError) as error:
        raise JobError(str(error).removeprefix("stream: ")) from None


def _length(path: Path, model: Any, prompt: int, tokens: int | None) -> int:
    """Return how many tokens are said behind a prompt of so many."""
    positions = getattr(model, "positions", None)
    if not isinstance(positions, LearnedPositions):
        return TOKENS if tokens is None else tokens
    count = len(positions.table)
    left = count - prompt + 1  # the last token that is said is never read
    if left < 1:
        raise ValueError(f"{path}: a prompt must have at most {count} tokens, its positions, got {prompt}")
    if tokens is not None and tokens > left:
        must = f"tokens must be at most {left} behind a prompt of {prompt}"
        raise ValueError(f"{path}: {must}, since it has {count} positions, got {tokens}")
    return min(TOKENS, left) if tokens is None else tokens


def convert(source: Path, out: Path, dtype: str | None) -> None:
    """Write a checkpoint of `train`, or published weights, as a folder of published weights.

    With it goes what it speaks by: the tokenizer, the special tokens, and what else was said of generation, each in
    the file in which it stood.  The folder is there when all of it is written, and not before.

    Raises:
        JobError: there is no such model, no published layout describes it, or there is something at `out`.
        CheckpointError: the checkpoint is damaged.
    """
    if out.exists():
        raise JobError(f"{out}: must be a new folder, got one that is there")
    if out.suffix == folder.SUFFIX:
        raise JobError(f"{out}: must be a folder, got the name of a file of tensors")
    published = source.is_dir() or source.suffix in folder.PICKLES or (source.parent / folder.CONFIG).is_file()
    try:
        with folder.drafted(out) as draft:
            if published:
                model, given, tokenizer = library.load(source, dtype), folder.special_of_config(source), None
            else:
                (model, tokenizer), given = _trained(source), {}
            library.save(model if dtype is None else model.astype(dtype), draft, given)
            if published:
                folder.copy_others(source, draft)
            elif tokenizer is not None:
                folder.write_text(draft / TOKENIZER, tokenizer)
    except ValueError as error:
        raise JobError(str(error)) from None


def _trained(path: Path) -> tuple[Any, str | None]:
    """Return the model of a checkpoint, each parameter an array of its own, and a model of text's tokenizer."""
    from reference.training.checkpoint import load  # which needs safetensors

    run, state = load(path)
    tokenizer = tokenizer_json(run.task.encoder) if isinstance(run.task, Text) else None
    return tree.map(np.array, state.model), tokenizer


def _ids(prompt: str) -> list[int]:
    try:
        ids = [int(word) for word in prompt.split()]
    except ValueError:
        raise UsageError(f"a prompt must be ids without a {TOKENIZER}, got {cut(repr(prompt))}") from None
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
        try:
            ids = list(tokenizer.encode(prompt).ids)
        except Exception as error:  # as above; some say so of what they do not know
            got = str(error).splitlines()[0]
            raise JobError(f"{file}: must be a tokenizer that knows the prompt, got {got}") from None
        if not ids:
            raise UsageError("a prompt must have at least one token, got none that the tokenizer knows")
        return ids

    def write(ids: list[int]) -> str:
        for token in ids[-1:]:  # those before were asked for before
            if tokenizer.id_to_token(token) is None:
                raise JobError(f"{file}: must be a tokenizer that knows what the model says, got {token}")
        return str(tokenizer.decode(ids))

    return read, functools.partial(pieces, write)
