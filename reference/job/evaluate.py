"""How much of what a model says is right, token by token and sequence by sequence."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from reference.generation.greedy import greedy, teacher_forced
from reference.job.devices import HOST, Device
from reference.job.tasks.copy import START, Examples
from reference.models.objective import Objective

ROWS = 250  # sequences at a time: the memory does not grow with their number


class Accuracy(NamedTuple):
    """Shares between 0 and 1: of the tokens, and of the sequences without any wrong token."""

    tokens: float
    sequences: float


def measure(model: Any, training: Examples, held_out: Examples, device: Device = HOST) -> dict[str, float]:
    """Return what the record of an epoch says of the model, which is on the device."""
    alone, helped = autoregressive(model, held_out, device), forced(model, held_out, device)
    return {
        "training_tokens": forced(model, training, device).tokens,
        "held_out_loss": loss(model, held_out, device),
        "held_out_tokens": alone.tokens,
        "held_out_sequences": alone.sequences,
        "forced_tokens": helped.tokens,
        "forced_sequences": helped.sequences,
    }


def autoregressive(model: Any, examples: Examples, device: Device = HOST) -> Accuracy:
    """Let the model read its own output."""
    return _accuracy(
        device.back(greedy(model, device.there(rows.source), start=START, length=rows.labels.shape[1])) == rows.labels
        for rows in _chunks(examples)
    )


def forced(model: Any, examples: Examples, device: Device = HOST) -> Accuracy:
    """Let the model read the right tokens up to the one that it must say."""
    return _accuracy(
        device.back(teacher_forced(model, device.there(rows.source), device.there(rows.target))) == rows.labels
        for rows in _chunks(examples)
    )


def loss(model: Any, examples: Examples, device: Device = HOST) -> float:
    """Return the mean over all tokens of -log p(label)."""
    objective = Objective(model=model, reduction="sum")
    total = 0.0
    for rows in _chunks(examples):
        source, target, labels = map(device.there, (rows.source, rows.target, rows.labels))
        total += float(device.back(objective(source=source, target=target, labels=labels)))
    return total / examples.labels.size


def _chunks(examples: Examples) -> Iterator[Examples]:
    for first in range(0, len(examples), ROWS):
        yield examples[first : first + ROWS]


def _accuracy(chunks: Iterator[np.ndarray]) -> Accuracy:
    right = np.concatenate(list(chunks))                # (N, T)
    return Accuracy(tokens=float(right.mean()), sequences=float(right.all(axis=1).mean()))
