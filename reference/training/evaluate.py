"""How much of what a model says is right, token by token and sequence by sequence."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from reference.tasks.task import Accuracy, Examples
from reference.training.devices import HOST, Device
from reference.training.settings import Run

ROWS = 250  # sequences at a time: the memory does not grow with their number


def measure(run: Run, model: Any, training: Examples, held_out: Examples, device: Device = HOST) -> dict[str, float]:
    """Return what the record of an epoch says of the model, which is on the device."""
    alone, helped = autoregressive(run, model, held_out, device), forced(run, model, held_out, device)
    return {
        "training_tokens": forced(run, model, training, device).tokens,
        "held_out_loss": loss(run, model, held_out, device),
        "held_out_tokens": alone.tokens,
        "held_out_sequences": alone.sequences,
        "forced_tokens": helped.tokens,
        "forced_sequences": helped.sequences,
    }


def autoregressive(run: Run, model: Any, examples: Examples, device: Device = HOST) -> Accuracy:
    """Let the model read its own output."""
    length = examples.labels.shape[1]
    return _accuracy(
        run.task.right(rows, device.back(run.family.said(model, device.there(rows.source), length)))
        for rows in _chunks(examples)
    )


def forced(run: Run, model: Any, examples: Examples, device: Device = HOST) -> Accuracy:
    """Let the model read the right tokens up to the one that it must say."""
    return _accuracy(
        run.task.right(rows, device.back(run.family.forced(model, rows, device.there))) for rows in _chunks(examples)
    )


def loss(run: Run, model: Any, examples: Examples, device: Device = HOST) -> float:
    """Return the mean over all tokens of -log p(label)."""
    objective, total = run.family.objective(model), 0.0
    for rows in _chunks(examples):
        total += float(device.back(objective(**device.all_there(run.family.inputs(rows)))))
    return total / examples.labels.size


def _chunks(examples: Examples) -> Iterator[Examples]:
    for first in range(0, len(examples), ROWS):
        yield examples[first : first + ROWS]


def _accuracy(chunks: Iterator[np.ndarray]) -> Accuracy:
    right = np.concatenate(list(chunks))                # (N, T)
    return Accuracy(tokens=float(right.mean()), sequences=float(right.all(axis=1).mean()))
