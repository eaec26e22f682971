import os
import subprocess
import sys
from pathlib import Path

import pytest

import reference
from reference.job import train
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
def command(tmp_path):
    """command(*words): run `python -m reference`, or other code, in an empty folder; command.tiny is a tiny run."""

    def command(*words, start=subprocess.run, code=("-m", "reference")):
        environment = os.environ | {"COLUMNS": "80", "PYTHONPATH": str(Path(reference.__file__).parents[1])}
        return start(
            [sys.executable, *code, *map(str, words)],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    command.tiny = [word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return command
