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
def epochs_until():
    """epochs_until(reached, **options): after how many epochs `reached(shares)` first holds; None if after none."""

    def epochs_until(reached, **options):
        settings = Settings.of(**options)
        training, held_out = train.data(settings)
        for state in train.train(settings, train.begin(settings), training, held_out[:16]):
            ended = state.step % settings.steps_per_epoch == 0
            if ended and reached(evaluate.autoregressive(state.model, held_out)):
                return len(state.records)
        return None

    return epochs_until


@pytest.fixture
def copies():
    """copies(model, examples): shares of tokens and of sequences copied, the model reading its own output."""
    return evaluate.autoregressive
