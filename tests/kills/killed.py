"""Train a small run and kill it at random moments until it is over, again and again; say what happened in JSON.

Each life is a fork, so that libraries are loaded once.  A checkpoint is written after every step: most of the time
of a life goes into writing, and many a kill comes in the middle of it.
"""

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

from reference.job.commands import _resumed, _run
from reference.job.files import Folder
from reference.job.place import Place
from reference.training.files import DRAFT
from reference.training.loop import data, train
from reference.training.state import begin

ENTRIES = {
    "copy": {
        "length": 3, "training": 10, "held-out": 6, "width": 8, "heads": 2, "hidden": 5, "batch": 4, "epochs": 40,
        "keep": 2, "optimizer": "nadam", "clip": 1.0, "dropout": 0.1, "warmup": 3,
    },
    "text": {
        "task": "text", "context": 8, "held-out": 3, "layers": 1, "width": 8, "heads": 2, "batch": 2, "epochs": 20,
        "steps": 60, "dropout": 0.1, "warmup": 3,
    },
}  # fmt: skip


def live(folder, task):
    """Begin the run or go on with it, to its end; as the command does, but for what it shows."""
    if folder.checkpoint.exists():
        run, state = _resumed(folder, {})
    else:
        run = _run(ENTRIES[task])
        state = begin(run)
    folder.expect_writable()
    place = Place(folder, run, state)
    if state.step:
        place.save(state)
    for later in train(run, state, *data(run)):
        place.save(later)


def killed(folder, task, after):
    """Live in a process that is killed after so many seconds; return whether it was, before it came to its end."""
    child = os.fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):
            live(folder, task)
            status = 0
        os._exit(status)
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a life ended in an error")
    return os.WIFSIGNALED(status)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.path.iterdir()}


def main(path, task, kills):
    began = time.perf_counter()
    whole, folder, rng = Folder(path / "whole"), Folder(path / "killed"), np.random.default_rng(0)
    live(whole, task)
    once, expected = time.perf_counter() - began, contents(whole)
    done = {"kills": 0, "drafts": 0, "runs": 0, "different": []}
    while done["kills"] < kills or folder.path.exists():
        if killed(folder, task, rng.uniform(0, once / 3)):
            done["kills"] += 1
            done["drafts"] += any(DRAFT in file.name for file in folder.path.glob(".*"))
        elif folder.path.exists():
            found = contents(folder)
            done["runs"] += 1
            done["different"] += sorted(name for name in expected | found if expected.get(name) != found.get(name))
            shutil.rmtree(folder.path)
    return done


if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()):
        found = main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print(json.dumps(found))
