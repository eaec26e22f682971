"""The most likely token, one after the other.  Specification: specs/generation/greedy.md."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference.core.arrays import integers
from reference.core.cache import expect_model
from reference.core.outputs import split
from reference.core.shapes import MOST, expect_integers, expect_size, expect_whole, got
from reference.core.vocabulary import Ends, are_among, end_tokens


def greedy(
    model: Any, source: np.ndarray, *, start: int, length: int, end: Ends = None, source_mask: np.ndarray | None = None
) -> np.ndarray:
    """Map source ids (B, S) to the generated ids (B, length), without the start token.

    A model that encodes reads the source so; another one reads it before the start token.  Both keep what
    they have read in a cache, and read each token once.  A row that has said `end`, or one of several, says it to
    the end, and where all have, nothing more is read.

    Raises:
        TypeError, ValueError: `model` does not step; `length` is not a whole number of at least 1, or `start` of at
            least 0; an end is no id of the vocabulary; source is no integer array (B, S); whatever the model raises for
            ids that it does not know; or there is a source_mask for a model that does not encode.
    """
    expect_size("greedy", "length", length)
    expect_whole("greedy", "start", start, 0, MOST)
    expect_integers("greedy", "source", source)
    if source.ndim != 2:
        raise ValueError(f"greedy: source must have shape (B, S), got {source.shape}")
    expect_model("greedy", "model", model, "cache", "step")
    length = int(length)
    ends = () if end is None else end_tokens("greedy", end, model.width_out)
    ids = np.full_like(source, start, shape=(len(source), length + 1), dtype=int, order="C")  # (B, length + 1)
    if not len(source):
        return ids[:, 1:]
    tokens = ids[:, :1]
    if hasattr(model, "encode"):
        encoded = model.encode(source=source, source_mask=source_mask)
        memory, _ = split(encoded)                                              # (B, S, D)  # (greedy.1)
        cache = model.cache(len(source), length, memory, source_mask=source_mask)
    elif source_mask is None:
        tokens = np.concatenate([source, tokens], axis=1)                       # (B, S + 1)  # (greedy.4)
        cache = model.cache(len(source), tokens.shape[1] + length - 1)
    else:
        raise TypeError(f"greedy: source_mask must be None for a {got(model)}, which does not encode, got one")
    for t in range(length):
        logits = model.step(tokens, cache)[:, -1]                               # (B, V)
        ids[:, t + 1] = logits.argmax(axis=-1)                                  # (greedy.2)
        tokens = ids[:, t + 1 : t + 2]
        if ends and all(are_among(ids[:, 1 : t + 2], ends).max(axis=1).tolist()):
            break
    return _to_the_end(ids[:, 1:], ends) if ends else ids[:, 1:]


def _to_the_end(y: np.ndarray, ends: Sequence[int]) -> np.ndarray:
    """Return y (B, T) in which each row goes on with the first of its end tokens."""
    last = y.shape[1] - 1
    over = are_among(y, ends)
    f = np.where(over.max(axis=1), over.argmax(axis=1), last)                   # (B,)
    t = np.minimum(integers(range(last + 1), y), f[:, None])                    # (B, T)
    return np.take_along_axis(y, t, axis=1)                                     # (B, T)  # (greedy.5)


def teacher_forced(
    model: Any, source: np.ndarray, target: np.ndarray, *, source_mask: np.ndarray | None = None
) -> np.ndarray:
    """Map source ids (B, S) and decoder input ids (B, T), start token first, to predictions (B, T)."""
    expect_model("teacher_forced", "model", model, "encode", "decode")
    memory, _ = split(model.encode(source=source, source_mask=source_mask))     # (B, S, D)
    logits, _ = split(model.decode(memory, target=target, source_mask=source_mask))  # (B, T, V)
    return logits.argmax(axis=-1)                                               # (greedy.3)
