"""What a model says to a task's sequences at the end of each epoch of a run, for tests of what is learned."""

import numpy as np

from reference.training import evaluate, loop
from reference.training.settings import Run
from reference.training.state import begin, generator


def learned(entries, steps, share):
    """Whether the share of sequences said right reaches `share` in a run of at most so many steps."""
    run = Run.of(entries)
    assert run.steps <= steps
    return any(accuracy.sequences >= share for accuracy in course(run))


def course(run, prepare=lambda examples: examples):
    """Yield the accuracy at the end of each epoch, on all that is held out, the model reading its own output."""
    training, held_out = loop.data(run)
    for state in loop.train(run, begin(run), prepare(training), held_out[:16]):  # the record costs more than the epoch
        if state.step % run.steps_per_epoch == 0:
            yield evaluate.autoregressive(run, state.model, held_out)


def steps(run, state, training):
    """Yield the state after every step, as `train` does, without the records, which cost as much as the epochs."""
    rate, batch, rng = run.training.schedule_of(run.steps), run.training.batch, generator(state.random)
    for _ in range(run.training.epochs):
        order = rng.permutation(len(training))
        for first in range(0, len(training), batch):
            state = loop.step(run, state, training[order[first : first + batch]], rate(state.step))
            yield state


def without_sense(entries):
    """The accuracy after a run on labels that belong to other sources."""
    *_, accuracy = course(Run.of(entries), lambda examples: examples.shuffled(np.random.default_rng(0)))
    return accuracy
