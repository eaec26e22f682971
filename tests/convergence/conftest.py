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
    """course(**options): what is copied after each epoch."""
    return lambda **options: list(_course(Settings.of(**options)))


@pytest.fixture
def soonest():
    """soonest(enough, **options): what is copied after the first epoch when that is `enough`, else after the last."""

    def soonest(enough, **options):
        for shares in _course(Settings.of(**options)):
            if enough(shares):
                break
        return shares

    return soonest


@pytest.fixture
def copies():
    """copies(model, examples): shares of tokens and of sequences copied, the model reading its own output."""
    return evaluate.autoregressive


def _course(settings):
    training, held_out = train.data(settings)
    for state in train.train(settings, train.begin(settings), training, held_out[:16]):
        if state.step % settings.steps_per_epoch == 0:
            yield evaluate.autoregressive(state.model, held_out)
