"""How much of what is longer than in training a model says right, by kind of positions."""

from collections import deque

import numpy as np
from learning import steps

from reference.tasks.copy_longer import CopyLonger
from reference.tasks.task import Examples
from reference.training import evaluate, loop
from reference.training.settings import Run
from reference.training.state import begin, stream

COUNT = 100  # sequences of each length
ZERO = 1  # the token of the digit


def by_length(task, kind, seed, lengths):
    """The share of sequences that are said right, of each length."""
    run = Run.of({"task": task, "positions": kind, "seed": seed})
    training, _ = loop.data(run)
    (trained,) = deque(steps(run, begin(run), training), maxlen=1)
    shares = []
    for length in lengths:
        source = of_length(run.task, stream(run, 4, length), length)
        shares.append(evaluate.autoregressive(run, trained.model, Examples(source, run.task.answers(source))).sequences)
    return shares


def of_length(task, rng, length):
    """COUNT sources of one length: longer ones that lose what is in front."""
    source, front = task.sources(rng, 20 * COUNT), task.longest - length
    if isinstance(task, CopyLonger):
        source[:, :front] = task.filler
        whole = source[:, front] != task.filler
    else:
        numbers = source[:, : task.places], source[:, task.places + 1 :]
        for number in numbers:
            number[:, :front] = ZERO
        whole = np.any([number[:, front] != ZERO for number in numbers], axis=0)
    return source[whole][:COUNT]
