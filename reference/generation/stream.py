"""Tokens of any model that steps, one after the other.  Specification: specs/generation/stream.md.

B rows, T tokens of the longest prompt, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.arrays import handed_over, integers
from reference.core.cache import Cache, expect_model
from reference.core.outputs import split
from reference.core.shapes import expect_ids, expect_size, got
from reference.core.vocabulary import Ends, are_among, end_tokens, until
from reference.generation.sampling import Sampling, draw

GREEDY = Sampling(temperature=0)


def stream(
    model: Any,
    prompts: Sequence[Any],
    *,
    length: int,
    sampling: Sampling = GREEDY,
    rng: np.random.Generator | None = None,
    end: Ends = None,
    source: np.ndarray | None = None,
    source_mask: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Return an iterator over the next `length` tokens of every prompt: arrays (B,) of ids, made as they are asked for.

    A prompt is a sequence of at least one id; they may differ in length.  A row that has said `end`, or one
    of several, says it to the end, and where all have, the iterator stops.  A model that encodes reads `source` ids
    (B, S) first, and its prompts begin with its start token.  Without temperature 0 tokens are drawn from `rng`.

    Raises:
        TypeError: an argument is of another kind, or tokens are to be drawn and rng is no generator.
        ValueError: an id is outside the vocabulary, no token is left to be said, a prompt is empty or longer
            with its tokens than the model's positions, or source is not there, or not that of B rows, for a
            model that encodes.
    """
    expect_model("stream", "model", model, "cache", "step")
    expect_size("stream", "length", length)
    if not isinstance(sampling, Sampling):
        raise TypeError(f"stream: sampling must be a Sampling, got {got(sampling)}")
    sampling.expect("stream", model.width_out)
    if sampling.temperature and not isinstance(rng, np.random.Generator):
        raise TypeError(f"stream: rng must be a numpy.random.Generator where tokens are drawn, got {got(rng)}")
    ends = end_tokens("stream", end, model.width_out)
    tokens, starts = side_by_side("stream", prompts, model.width_out)
    cache, tokens = begin("stream", model, tokens, starts, int(length), source, source_mask)
    said = said_in(prompts, model.width_out, tokens)
    return _tokens(model, tokens, cache, said, length, sampling, rng, ends)


def generate(model: Any, prompts: Sequence[Any], *, end: Ends = None, **options: Any) -> list[list[int]]:
    """Return what each prompt goes on with, up to its end token, which is left out; the rest as for `stream`.

    >>> from reference.core.families import DecoderOnlySettings
    >>> from reference.models.decoder_only import DecoderOnly
    >>> settings = DecoderOnlySettings(vocabulary=5, length=9, width=8, heads=2)
    >>> texts = generate(DecoderOnly.init(np.random.default_rng(0), settings), [[1, 2], [3]], length=4)
    >>> [len(ids) for ids in texts]
    [4, 4]
    """
    said = [ids.tolist() for ids in stream(model, prompts, end=end, **options)]
    rows = [list(row) for row in zip(*said, strict=True)]
    ends = () if end is None else end_tokens("generate", end, model.width_out)
    return [until(row, ends) for row in rows]


def _tokens(
    model: Any, tokens: Any, cache: Cache, said: Any, length: int, sampling: Sampling, rng: Any, ends: tuple[int, ...]
) -> Iterator[Any]:
    ended = np.zeros_like(tokens, shape=(len(tokens),), dtype=bool)
    for n in range(length):
        logits = model.step(tokens, cache)[:, -1]
        if sampling.temperature:
            ids = draw(sampling(logits, said), rng)
        else:
            ids = sampling.preferred(logits, said).argmax(axis=-1)
        if ends:
            ids = np.where(ended, tokens[:, -1], ids)
            ended = ended | are_among(ids, ends)
        yield ids
        if n + 1 < length and ends and all(ended.tolist()):
            return
        tokens = ids[:, None]
        if sampling.penalty != 1:
            said = said | (integers(range(said.shape[1]), tokens) == tokens)


def begin(
    where: str, model: Any, tokens: np.ndarray, starts: np.ndarray | None, length: int, source: Any, source_mask: Any
) -> tuple[Cache, Any]:
    """Return a cache for tokens (B, T) and `length` more, and the tokens where the model is."""
    (_, like), *_ = tree.leaves(model)
    tokens, starts = handed_over(tokens, like), None if starts is None else handed_over(starts, like)
    sizes = len(tokens), tokens.shape[1] + length - 1  # the last token is not read
    if not hasattr(model, "encode"):
        if source is not None or source_mask is not None:
            raise TypeError(f"{where}: source must be None for a {got(model)}, which does not encode, got one")
        return model.cache(*sizes, starts=starts), tokens
    if source is None:
        raise TypeError(f"{where}: source must be given for a {type(model).__name__}, which encodes it, got None")
    memory, _ = split(model.encode(source=source, source_mask=source_mask))
    return model.cache(*sizes, memory, source_mask=source_mask, starts=starts), tokens


def side_by_side(where: str, prompts: Sequence[Any], vocabulary: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return ids (B, T) of prompts that all end at T, and where each begins; None where all begin at 0."""
    some = isinstance(prompts, list | tuple) or (isinstance(prompts, np.ndarray) and prompts.ndim > 0)
    if not some or len(prompts) == 0:
        raise ValueError(f"{where}: prompts must be a sequence of at least one prompt, got {got(prompts)}")
    rows = [_row(where, f"prompts[{i}]", prompt) for i, prompt in enumerate(prompts)]
    for i, row in enumerate(rows):
        if row.ndim != 1 or row.size == 0:
            raise ValueError(f"{where}: prompts[{i}] must have shape (T,) with T at least 1, got {row.shape}")
        expect_ids(where, f"prompts[{i}]", row, vocabulary)
    longest = max(map(len, rows))
    starts = np.array([longest - len(row) for row in rows])
    tokens = np.zeros((len(rows), longest), int)
    for row, at, start in zip(rows, tokens, starts, strict=True):
        at[start:] = row
    return tokens, starts if starts.any() else None


def _row(where: str, name: str, prompt: Any) -> np.ndarray:
    try:
        return np.asarray(prompt)
    except ValueError:  # lists of several lengths within, or too many of them
        raise ValueError(f"{where}: {name} must have shape (T,) with T at least 1, got lists within a list") from None


def said_in(prompts: Sequence[Any], vocabulary: int, like: Any) -> Any:
    """Return (B, V), True where a prompt has the token."""
    said = np.zeros((len(prompts), vocabulary), bool)
    for row, prompt in zip(said, prompts, strict=True):
        row[np.asarray(prompt)] = True
    return handed_over(said, like)
