"""The copy task, trained by the job's own loop and judged on sequences that it has never seen."""

from collections import deque

import pytest
from composites import plant

from reference.core.settings import written
from reference.tasks.task import Accuracy
from reference.training import evaluate, loop
from reference.training.settings import Run
from reference.training.state import begin


@pytest.fixture
def trained():
    """trained(right, wrong, prepare, **options): the model after all epochs.

    Every layer of class `right` is first made a `wrong` one, and the training examples are prepared.
    """

    def trained(right=None, wrong=None, prepare=lambda examples: examples, **options):
        run = _run(options)
        training, held_out = loop.data(run)
        state = begin(run)
        if right:
            state = begin(run, plant(state.model, right, wrong))
        few = held_out[:16]  # the record of each epoch is not what is judged, and costs more than the epoch
        (last,) = deque(loop.train(run, state, prepare(training), few), maxlen=1)
        return last.model, held_out

    return trained


@pytest.fixture
def course():
    """course(first, **options): what is copied after each epoch from the `first` on, and the number of all epochs."""

    def course(first, **options):
        run, states, held_out = _epochs(options)
        ends = list(states)
        return [evaluate.autoregressive(run, state.model, held_out) for state in ends[first - 1 :]], len(ends)

    return course


@pytest.fixture
def soonest():
    """soonest(enough, **options): what is copied once that is `enough`, of the few of the record too, else at the end.

    The few are copied at the end of an epoch in any case; to copy all costs as much as the epoch.
    """

    def soonest(enough, **options):
        run, states, held_out = _epochs(options)
        for state in states:
            if enough(Accuracy(*(state.records[-1][f"held_out_{of}"] for of in Accuracy._fields))):
                shares = evaluate.autoregressive(run, state.model, held_out)
                if enough(shares):
                    return shares
        return evaluate.autoregressive(run, state.model, held_out)

    return soonest


@pytest.fixture
def copies():
    """copies(model, examples): shares of tokens and of sequences copied, the model reading its own output."""
    return lambda model, examples: evaluate.autoregressive(_run({}), model, examples)


def _run(options):
    return Run.of({written(name): value for name, value in options.items()})


def _epochs(options):
    """The run, the states at the end of each epoch, and the sequences that are held out."""
    run = _run(options)
    training, held_out = loop.data(run)
    states = loop.train(run, begin(run), training, held_out[:16])
    return run, (state for state in states if state.step % run.steps_per_epoch == 0), held_out
