"""The event files of a run, written by the real package and read by TensorBoard, say what the metrics say."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.io_wrapper import IsTensorFlowEventsFile

ENTRIES = {
    "length": 3, "training": 12, "held-out": 6, "width": 8, "heads": 2, "hidden": 5, "batch": 4, "schedule": "constant",
}  # fmt: skip
WORDS = [word for name, value in ENTRIES.items() for word in (f"--{name}", str(value))]


@pytest.fixture
def train(tmp_path):
    """train(*words): the folder of a run with event files, after another `train` with these words."""

    def train(*words):
        done = subprocess.run(
            [sys.executable, "-m", "reference", "train", "--tensorboard", "--out", tmp_path, *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return tmp_path

    return train


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def shown(folder):
    """All scalars by their names: of each the steps and the numbers."""
    (path,) = folder.rglob("events.out.tfevents.*")
    reader = EventAccumulator(str(path.parent)).Reload()
    return {name: [(event.step, event.value) for event in reader.Scalars(name)] for name in reader.Tags()["scalars"]}


def expected(records):
    """A record's numbers are those of its step, in the file's single precision."""
    names = [name for name in records[0] if name not in ("epoch", "step")]
    return {name: [(record["step"], float(np.float32(record[name]))) for record in records] for name in names}


def test_every_number_of_the_metrics_stands_in_the_event_file_at_its_step_and_nothing_else(train):
    folder = train(*WORDS, "--epochs", "3")
    assert len(metrics(folder)) == 3
    assert shown(folder) == expected(metrics(folder))


def test_a_run_that_goes_on_shows_every_epoch_once(train):
    train(*WORDS, "--epochs", "2")
    folder = train("--resume", "--epochs", "4")
    assert len(metrics(folder)) == 4
    assert shown(folder) == expected(metrics(folder))


def test_the_event_files_of_somebody_else_stay_and_are_shown_beside_ours(train, tmp_path):
    theirs = tmp_path / "events" / "events.out.tfevents.1700000000.host.77.0"
    theirs.parent.mkdir()
    theirs.write_bytes(b"")
    for words in ((*WORDS, "--epochs", "1"), ("--resume", "--epochs", "2")):
        folder = train(*words)
        assert theirs.exists()
        (ours,) = set(theirs.parent.iterdir()) - {theirs}
        assert IsTensorFlowEventsFile(str(ours))
    theirs.unlink()
    assert shown(folder) == expected(metrics(folder))
