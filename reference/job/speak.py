"""A model of text that was trained here goes on from a prompt."""

import functools
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from reference.core.vocabulary import end_tokens
from reference.data.errors import DataError
from reference.data.tokenizer import pieces
from reference.generation.sampling import Sampling
from reference.job import prompted
from reference.job.errors import UsageError
from reference.tasks.text import Text
from reference.training.samples import DRAWN, tokens
from reference.training.settings import Run


def speak(
    run: Run, model: Any, prompt: str, length: int, seed: int, out: TextIO,
    *, sampling: Sampling = DRAWN, end: Sequence[int] | None = None, told: TextIO | None = None,
) -> None:  # fmt: skip
    """Write what a model says after the prompt, each token as soon as it is drawn, and to `told` how fast they came.

    It stops at any of the tokens `end`.

    Raises:
        UsageError: the run is none of text, the prompt is empty or has something that its tokenizer does not know, or
            an end is no token.
    """
    task = run.task
    if not isinstance(task, Text):
        raise UsageError(f"a prompt must be for a model of text, got one of {run.task_name}")
    try:
        ids = task.encoder.encode(prompt.encode(), "the prompt").tolist()
    except DataError as error:
        raise UsageError(str(error)) from None
    if not ids:
        raise UsageError("a prompt must have at least one token, got none")
    try:
        ends = end_tokens("speak", end, task.tokens)
    except ValueError as error:
        raise UsageError(str(error).removeprefix("speak: ")) from None
    rng = np.random.default_rng(seed)
    said = tokens(model, ids, length=length, context=task.context, sampling=sampling, rng=rng, ends=ends)
    prompted.say(said, functools.partial(pieces, task.encoder.decode), out, told)
