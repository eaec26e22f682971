"""The copy task, trained by the job's own loop and judged on sequences that it has never seen."""

import pytest
from composites import plant

from reference.job import evaluate, train
from reference.job.settings import Settings


@pytest.fixture
def trained():
    """trained(right, wrong, prepare, **options): the model after all epochs.

    Every layer of class `right` is first made a `wrong` one, and the training examples are prepared.
    """

    def trained(right=None, wrong=None, prepare=lambda examples: examples, **options):
        settings = Settings.of(**options)
        training, held_out = train.data(settings)
        state = train.begin(settings)
        if right:
            state = train.begin(settings, plant(state.model, right, wrong))
        few = held_out[:16]  # the record of each epoch is not what is judged, and costs more than the epoch
        *_, last = train.train(settings, state, prepare(training), few)
        return last.model, held_out

    return trained


@pytest.fixture
def course():
    """course(first, **options): what is copied after each epoch from the `first` on, and the number of all epochs."""

    def course(first, **options):
        states, held_out = _epochs(**options)
        ends = list(states)
        return [evaluate.autoregressive(state.model, held_out) for state in ends[first - 1 :]], len(ends)

    return course


@pytest.fixture
def soonest():
    """soonest(enough, **options): what is copied once that is `enough`, of the few of the record too, else at the end.

    The few are copied at the end of an epoch in any case; to copy all costs as much as the epoch.
    """

    def soonest(enough, **options):
        states, held_out = _epochs(**options)
        for state in states:
            if enough(evaluate.Accuracy(*(state.records[-1][f"held_out_{of}"] for of in evaluate.Accuracy._fields))):
                shares = evaluate.autoregressive(state.model, held_out)
                if enough(shares):
                    return shares
        return evaluate.autoregressive(state.model, held_out)

    return soonest


@pytest.fixture
def copies():
    """copies(model, examples): shares of tokens and of sequences copied, the model reading its own output."""
    return evaluate.autoregressive


def _epochs(**options):
    """The states at the end of each epoch, and the sequences that are held out."""
    settings = Settings.of(**options)
    training, held_out = train.data(settings)
    states = train.train(settings, train.begin(settings), training, held_out[:16])
    return (state for state in states if state.step % settings.steps_per_epoch == 0), held_out
