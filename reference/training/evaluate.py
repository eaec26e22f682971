"""How much of what a model says is right, token by token and sequence by sequence."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.tasks.task import Accuracy, Examples
from reference.tasks.text import Text
from reference.training.devices import HOST, Device
from reference.training.samples import sample
from reference.training.settings import Run

ROWS = 250  # sequences at a time, and logits: the memory does not grow with their number
LOGITS = 2**24
OF_ANSWERS = (
    "training_tokens", "held_out_loss", "held_out_tokens", "held_out_sequences", "forced_tokens", "forced_sequences",
)  # fmt: skip
OF_TEXT = "held_out_loss", "held_out_bits_a_byte", "sample"


def measured(run: Run) -> tuple[str, ...]:
    """Return the names of what `measure` returns: numbers, but for a sample, which is text."""
    return OF_TEXT if run.task.goes_on else OF_ANSWERS


def measure(
    run: Run, model: Any, training: Any, held_out: Any, device: Device = HOST, epoch: int = 1
) -> dict[str, float | str]:
    """Return what the record of an epoch says of the model, which is on the device."""
    if isinstance(run.task, Text):
        nats = loss(run, model, held_out, device)
        said = sample(run, model, held_out, epoch, device)
        return {"held_out_loss": nats, "held_out_bits_a_byte": run.task.bits_a_byte(nats), "sample": said}
    alone, helped = autoregressive(run, model, held_out, device), forced(run, model, held_out, device)
    return {
        "training_tokens": forced(run, model, training, device).tokens,
        "held_out_loss": loss(run, model, held_out, device),
        "held_out_tokens": alone.tokens,
        "held_out_sequences": alone.sequences,
        "forced_tokens": helped.tokens,
        "forced_sequences": helped.sequences,
    }


def autoregressive(run: Run, model: Any, examples: Any, device: Device = HOST) -> Accuracy:
    """Let the model read its own output."""
    return _accuracy(run, run.family.said, model, examples, device)


def forced(run: Run, model: Any, examples: Any, device: Device = HOST) -> Accuracy:
    """Let the model read the right tokens up to the one that it must say."""
    return _accuracy(run, run.family.forced, model, examples, device)


def loss(run: Run, model: Any, examples: Any, device: Device = HOST) -> float:
    """Return the mean over all tokens that are asked for of -log p(label)."""
    objective, total, count = run.family.objective(model), 0.0, 0
    for rows in _chunks(run, examples):
        total += float(device.back(objective(**device.all_there(run.family.inputs(rows)))))
        count += rows.count
    return total / count


def _chunks(run: Run, examples: Any) -> Iterator[Examples]:
    count = min(ROWS, max(LOGITS // (sum(run.task.sizes) * run.task.tokens), 1))
    for first in range(0, len(examples), count):
        yield examples[first : first + count]


def _accuracy(run: Run, say: Callable, model: Any, examples: Any, device: Device) -> Accuracy:
    tokens, count, sequences = 0, 0, []
    for rows in _chunks(run, examples):
        right = run.task.right(rows, device.back(say(model, rows, device.there)))   # (N, T), True where none is asked
        count += rows.count
        tokens += rows.count - int((~right).sum())
        sequences.append(right.all(axis=1))
    return Accuracy(tokens=tokens / count, sequences=float(np.concatenate(sequences).mean()))
