"""The command as a process in a folder of its own, and Ctrl-C as the tests need it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import reference


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
