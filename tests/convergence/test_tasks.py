"""Tasks that a small model learns in a stated number of steps; labels of other sources teach it nothing."""

import numpy as np
import pytest

from reference.training import evaluate, loop
from reference.training.settings import Run
from reference.training.state import begin

# task: share of sequences that must be right, the model reading its own output, and the steps that it has for that
LEARNED = {"reverse": (0.99, 750), "sort": (0.97, 1500), "addition": (0.99, 1565)}
EVERY = pytest.mark.parametrize("task", LEARNED)


def judged(run, held_out, training):
    """Yield the accuracy at the end of each epoch."""
    for state in loop.train(run, begin(run), training, held_out[:16]):
        if state.step % run.steps_per_epoch == 0:
            yield evaluate.autoregressive(run, state.model, held_out)


@EVERY
def test_it_is_learned_with_what_is_usual_for_it(task):
    share, steps = LEARNED[task]
    run = Run.of({"task": task})
    assert run.steps <= steps
    training, held_out = loop.data(run)
    assert any(accuracy.sequences >= share for accuracy in judged(run, held_out, training))


@EVERY
def test_labels_of_other_sources_teach_nothing(task):
    run = Run.of({"task": task, "epochs": 2})
    training, held_out = loop.data(run)
    *_, accuracy = judged(run, held_out, training.shuffled(np.random.default_rng(0)))
    assert accuracy.sequences < 0.1
