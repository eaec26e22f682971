"""The copy task, trained by the job's own loop and judged on sequences that it has never seen."""

import pytest
from swap import swapped

from reference.job import evaluate, train
from reference.job.settings import Settings


@pytest.fixture
def trained():
    """trained(classes, prepare, **options): the model after all epochs, parts of it swapped, its examples prepared."""

    def trained(classes=None, prepare=lambda examples: examples, **options):
        settings = Settings.of(**options)
        training, held_out = train.data(settings)
        state = train.begin(settings)
        if classes:
            state = train.begin(settings, swapped(state.model, classes))
        few = held_out[:16]  # the record of each epoch is not what is judged, and costs more than the epoch
        *_, last = train.train(settings, state, prepare(training), few)
        return last.model, held_out

    return trained


@pytest.fixture
def copies():
    """copies(model, examples): shares of tokens and of sequences copied, the model reading its own output."""
    return evaluate.autoregressive
