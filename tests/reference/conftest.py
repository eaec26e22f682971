"""The command as a process in a folder of its own, and Ctrl-C as the tests need it."""

import functools
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import reference
from reference.core import special
from reference.core.settings import written
from reference.training import loop
from reference.training.settings import Run
from reference.training.state import begin

TINY = {
    "vocabulary": 3,
    "length": 3,
    "training": 10,
    "held-out": 6,
    "width": 8,
    "heads": 2,
    "hidden": 5,
    "batch": 4,
    "epochs": 2,
}


def pytest_collection_modifyitems(items):
    """The proofs come first, those of what others are made of before theirs: what is wrong is named where it is."""
    items.sort(key=_place)


def _place(item):
    if item.name.startswith("test_gradients_are_proved_to_the_digits_of_the_readme["):
        return 0, _depth(f"reference.{item.callspec.params['example'].module}")
    return 1, 0


@functools.cache
def _depth(module):
    """How many modules of the mathematics stand below this one, each on the next."""
    values = vars(importlib.import_module(module)).values()
    below = {getattr(value, "__module__", None) or "" for value in values} - {module}
    return 1 + max((_depth(name) for name in below if name.startswith("reference.")), default=0)


@pytest.fixture
def command(tmp_path):
    """command(*words): run `python -m reference`, or other code, in an empty folder."""

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

    return command


@pytest.fixture
def heard():
    """Ctrl-C is heard, here and in the processes that are started: a job in the background of a script ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def tiny():
    """tiny(**changes): settings of a run of 6 steps, with a last batch of 2 in each epoch of 3."""
    return lambda **changes: Run.of(TINY | {written(name): value for name, value in changes.items()})


@pytest.fixture
def trained():
    """trained(settings, steps=None): the state after that many steps, or all."""

    def trained(settings, steps=None, state=None):
        states = loop.train(settings, state or begin(settings), *loop.data(settings))
        return next(later for later in states if later.step == (steps or settings.steps))

    return trained


@pytest.fixture
def tiny_entries():
    """The names and values of a tiny run."""
    return TINY


@pytest.fixture
def sketchy(monkeypatch):
    """Draw nothing on the pictures, which takes the time of the rest a hundred times."""
    figure = importlib.import_module("matplotlib.figure").Figure
    from reference.job import plots

    monkeypatch.setattr(plots, "png", lambda _: b"")
    monkeypatch.setattr(plots, "curves", lambda *_: figure())
    monkeypatch.setattr(plots, "text_curves", lambda *_: figure())
    monkeypatch.setattr(plots, "attention", lambda *_: figure())


@pytest.fixture
def one_order(monkeypatch):
    """Rows of repeated ids are added by a product of full matrices on the host too, as elsewhere.

    SciPy adds them one after the other, BLAS in an order of its kernel's: both have the bits of their order.
    """
    monkeypatch.setattr(special, "on_host", lambda _: False)
