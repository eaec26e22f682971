"""The most likely token, one after the other.  Specification: specs/generation/greedy.md."""

from typing import Protocol

import numpy as np

from reference.core.shapes import expect_size, expect_whole


class Generator(Protocol):
    """What is asked of a model: the Transformer has it."""

    def encode(self, *, source: np.ndarray, source_mask: np.ndarray | None = None) -> np.ndarray: ...

    def decode(
        self, memory: np.ndarray, *, target: np.ndarray, source_mask: np.ndarray | None = None
    ) -> np.ndarray: ...


def greedy(
    model: Generator, source: np.ndarray, *, start: int, length: int, source_mask: np.ndarray | None = None
) -> np.ndarray:
    """Map source ids (B, S) to the generated ids (B, length), without the start token.

    Raises:
        TypeError, ValueError: `length` is not a whole number of at least 1, or `start` of at least
            0; whatever the model raises for ids that it does not know.
    """
    expect_size("greedy", "length", length)
    expect_whole("greedy", "start", start, 0)
    memory = model.encode(source=source, source_mask=source_mask)               # (B, S, D)  # (greedy.1)
    ids = np.full_like(source, start, shape=(len(source), length + 1), dtype=int, order="C")  # (B, length + 1)
    for t in range(length):
        logits = model.decode(memory, target=ids[:, : t + 1], source_mask=source_mask)  # (B, t + 1, V)
        ids[:, t + 1] = logits[:, t].argmax(axis=-1)                            # (greedy.2)
    return ids[:, 1:]


def teacher_forced(
    model: Generator, source: np.ndarray, target: np.ndarray, *, source_mask: np.ndarray | None = None
) -> np.ndarray:
    """Map source ids (B, S) and decoder input ids (B, T), start token first, to predictions (B, T)."""
    memory = model.encode(source=source, source_mask=source_mask)               # (B, S, D)
    logits = model.decode(memory, target=target, source_mask=source_mask)       # (B, T, V)
    return logits.argmax(axis=-1)                                               # (greedy.3)
