import pytest
from matplotlib.figure import Figure

from reference.job import plots, train
from reference.job.settings import Settings

TINY = {
    "vocabulary": 3,
    "length": 3,
    "training": 10,
    "held_out": 6,
    "width": 8,
    "heads": 2,
    "hidden": 5,
    "batch": 4,
    "epochs": 2,
}


@pytest.fixture
def tiny():
    """tiny(**changes): settings of a run of 6 steps, with a last batch of 2 in each epoch of 3."""
    return lambda **changes: Settings.of(**(TINY | changes))


@pytest.fixture
def trained():
    """trained(settings, steps=None): the state after that many steps, or all."""

    def trained(settings, steps=None, state=None):
        states = train.train(settings, state or train.begin(settings), *train.data(settings))
        return next(later for later in states if later.step == (steps or settings.steps))

    return trained


@pytest.fixture
def command(command):
    """command(*words) as everywhere; command.tiny are the words of a tiny run."""
    command.tiny = [word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return command


@pytest.fixture
def sketchy(monkeypatch):
    """Draw nothing on the pictures, which takes the time of the rest a hundred times."""
    monkeypatch.setattr(plots, "curves", lambda *_: Figure())
    monkeypatch.setattr(plots, "attention", lambda *_: Figure())
