import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from reference.job.events import Events
from reference.training.errors import WriteError


@pytest.fixture
def written(monkeypatch):
    """What is written by a stand-in for the library, whose files are its own affair."""

    class Writer:
        def __init__(self, folder, filename_suffix):
            Path(folder, f"events.out.tfevents.2.host{filename_suffix}").write_bytes(b"")
            seen.append(folder)

        def add_scalar(self, name, value, step, walltime):
            seen.append((name, value, step))

        def add_text(self, name, text, step, walltime):
            seen.append((name, text, step))

        def flush(self):
            seen.append("flush")

    seen = []
    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Writer))
    return seen


def test_each_record_is_written_at_its_step_and_at_once(tmp_path, written):
    events = Events(tmp_path, [{"epoch": 1, "step": 3, "loss": 0.5}])
    events.add({"epoch": 2, "step": 6, "loss": 0.25})
    assert written == [str(tmp_path), ("loss", 0.5, 3), "flush", ("loss", 0.25, 6), "flush"]


def test_a_sample_is_written_as_text(tmp_path, written):
    Events(tmp_path, [{"epoch": 1, "step": 3, "sample": "once"}])
    assert written[1:] == [("sample", "once", 3), "flush"]


def test_what_an_earlier_part_of_the_run_left_is_written_anew_and_nothing_else_goes(tmp_path, written):
    others = ["events.out.tfevents.1.host", "events.out.tfevents.1.host.77.0", "events.out.tfevents.1.host.v2", "notes"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    Events(tmp_path, [])
    (first,) = (path for path in tmp_path.iterdir() if path.name not in others)
    earlier = first.rename(tmp_path / first.name.replace("2.host", "1.host"))  # of an earlier second
    Events(tmp_path, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, first.name])
    assert not earlier.exists()


def test_a_full_disk_is_one_clear_line(tmp_path, written, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    events = Events(tmp_path, [])
    monkeypatch.setattr(events._writer, "flush", fail, raising=False)
    with pytest.raises(WriteError, match=r": cannot be written \(No space left on device\)$"):
        events.add({"epoch": 1, "step": 3, "loss": 0.5})
