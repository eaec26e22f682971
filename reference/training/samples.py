"""What a model of text goes on with, however long: what it reads is never longer than what it was trained on."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reference.generation.sampling import Sampling
from reference.generation.stream import stream
from reference.tasks.text import Text
from reference.training.devices import HOST, Device
from reference.training.settings import Run
from reference.training.state import stream as generator

LENGTH = 160  # tokens of a sample
DRAWN = Sampling(temperature=0.8)


def tokens(
    model: Any,
    prompt: Sequence[int],
    *,
    length: int,
    context: int,
    sampling: Sampling,
    rng: np.random.Generator,
    ends: tuple[int, ...] = (),
    device: Device = HOST,
) -> Iterator[int]:
    """Yield `length` ids that go on from the prompt, of which the last `context` are read, or up to one of `ends`.

    Where the model has read that many, it begins anew with the last half of them.
    """
    said, kept = list(prompt), context
    asked: dict[str, Any] = {"sampling": sampling, "rng": rng, "end": ends or None}
    while length:
        read = said[-kept:]
        count = min(length, context - len(read) + 1)  # the last that is said is not read
        for (token,) in (device.back(ids) for ids in stream(model, [read], length=count, **asked)):
            said.append(int(token))
            yield int(token)
        if said[-1] in ends:
            return
        length, kept = length - count, max(context // 2, 1)


def sample(run: Run, model: Any, held_out: Any, epoch: int, device: Device = HOST) -> str:
    """Return the beginning of the text held out, a quarter of what the model sees at once, and what it goes on with."""
    task = run.task
    if not isinstance(task, Text):
        raise TypeError(f"sample: a run must be one of text, got {run.task_name}")
    prompt = held_out[:1].target[0, : max(task.context // 4, 1)].tolist()
    rng = generator(run, 4, epoch)
    said = tokens(model, prompt, length=LENGTH, context=task.context, sampling=DRAWN, rng=rng, device=device)
    return task.encoder.decode([*prompt, *said])
