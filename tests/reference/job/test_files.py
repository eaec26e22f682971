import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as serialise

from reference.job.errors import JobError
from reference.job.files import Folder
from reference.training.checkpoint import ENTRY
from reference.training.files import DRAFT, write


def test_drafts_of_a_run_that_was_killed_are_removed(tmp_path):
    folder = Folder(tmp_path)
    for name in (".checkpoint.safetensors.123", ".metrics.jsonl.9", ".curves.png.1", ".epoch-00012.safetensors.77"):
        (tmp_path / f"{name}{DRAFT}").write_bytes(b"half")
    folder.expect_writable()
    assert list(tmp_path.iterdir()) == []


def test_what_a_run_that_is_killed_leaves_is_what_the_next_one_removes(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", lambda *_: None)  # a draft that is whole and not yet in its place
        for path in folder.files:
            write(path, b"new")
    assert len(list(tmp_path.iterdir())) == len(folder.files)
    folder.expect_writable()
    assert list(tmp_path.iterdir()) == []


def test_what_the_user_or_an_editor_put_there_stays(tmp_path):
    folder, names = Folder(tmp_path), {
        ".metrics.jsonl.swp", ".metrics.jsonl.1", ".checkpoint.safetensors.bak", ".checkpoint.safetensors.123~",
        f".metrics.jsonl.swp{DRAFT}", f".metrics.jsonl.1{DRAFT}.old", f"metrics.jsonl.1{DRAFT}", f".notes.1{DRAFT}",
        f".metricsxjsonl.1{DRAFT}", "notes.txt", "epoch-1.safetensors", ".hidden",
    }  # fmt: skip
    for name in names:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / f".metrics.jsonl.2{DRAFT}").mkdir()
    folder.expect_writable()
    assert {path.name for path in tmp_path.iterdir()} == names | {f".metrics.jsonl.2{DRAFT}"}


@pytest.mark.parametrize("name", sorted(path.name for path in Folder(Path()).files))
def test_a_folder_with_the_name_of_a_file_is_found_before_any_work(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(JobError, match=rf"^{re.escape(str(tmp_path / name))}: must be a file, got a folder$"):
        Folder(tmp_path).expect_writable()
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_pipe_with_the_name_of_a_file_is_found_before_any_work(tmp_path):
    os.mkfifo(tmp_path / "metrics.jsonl")
    with pytest.raises(JobError, match=r"/metrics\.jsonl: must be a file, got something else$"):
        Folder(tmp_path).expect_writable()


def test_clearing_takes_what_stands_beside_the_checkpoint_of_a_run_only(tmp_path):
    folder = Folder(tmp_path)
    for path in (*folder.files, tmp_path / "notes"):
        path.write_bytes(b"")
    folder.clear()
    assert set(tmp_path.iterdir()) == {folder.checkpoint, tmp_path / "notes"}


def test_a_file_with_the_name_of_a_folder_is_found_before_any_work_if_that_folder_is_wanted(tmp_path):
    folder = Folder(tmp_path)
    folder.expect_writable(folder.events)
    folder.events.write_bytes(b"mine")
    folder.expect_writable()
    with pytest.raises(JobError, match=r"/events: must be a folder, got a file$"):
        folder.expect_writable(folder.events)
    assert folder.events.read_bytes() == b"mine"


CHECKPOINT = serialise({"w": np.zeros(2)}, {ENTRY: json.dumps({"version": 4})})  # begins as one of ours


@pytest.mark.parametrize("name", ["epoch-00012.safetensors", *(path.name for path in Folder(Path()).files)])
def test_a_file_of_another_hand_that_would_be_lost_is_found_before_any_work(tmp_path, name):
    for beside in ("notes.txt", ".metrics.jsonl.swp"):
        (tmp_path / beside).write_bytes(b"mine")
    Folder(tmp_path).expect_writable()
    (tmp_path / name).write_bytes(b"mine")
    must = rf"^\S+/{re.escape(name)}: must be a file that 'train' wrote, got another: move it, or name another folder"
    with pytest.raises(JobError, match=must):
        Folder(tmp_path).expect_writable()
    assert (tmp_path / name).read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["epoch-00012.safetensors", "best.safetensors"])
def test_tensors_of_another_hand_beside_a_run_are_found_too(tmp_path, name):
    for path in Folder(tmp_path).files:
        path.write_bytes(CHECKPOINT)
    Folder(tmp_path).expect_writable()
    (tmp_path / name).write_bytes(serialise({"w": np.zeros(2)}, {"format": "np"}))
    with pytest.raises(JobError, match=rf"/{name}: must be a file that 'train' wrote, got another"):
        Folder(tmp_path).expect_writable()


def test_a_checkpoint_that_was_put_aside_is_no_run(tmp_path):
    (tmp_path / "epoch-00012.safetensors").write_bytes(CHECKPOINT)
    with pytest.raises(JobError, match=r"/epoch-00012\.safetensors: must be a file that 'train' wrote"):
        Folder(tmp_path).expect_writable()


def test_a_run_with_a_checkpoint_that_was_cut_short_is_still_one(tmp_path):
    folder = Folder(tmp_path)
    for path in (*folder.files, folder.kept(3)):
        path.write_bytes(CHECKPOINT[:-9])
    folder.expect_writable()
    assert list(folder.strangers()) == []


def test_event_files_of_ours_without_a_run_are_found_if_events_are_wanted(tmp_path):
    folder = Folder(tmp_path)
    folder.events.mkdir()
    (folder.events / "events.out.tfevents.1.host.77.0").write_bytes(b"mine")  # of somebody else, and stays
    folder.expect_writable(folder.events)
    (folder.events / "events.out.tfevents.1.host.backproof_run").write_bytes(b"mine")
    folder.expect_writable()
    with pytest.raises(JobError, match=r"/events\.out\.\S+\.backproof_run: must be a file that 'train' wrote"):
        folder.expect_writable(folder.events)
    folder.checkpoint.write_bytes(CHECKPOINT)
    folder.expect_writable(folder.events)


@pytest.mark.parametrize(("make", "got"), [(Path.mkdir, "a folder"), (os.mkfifo, "something else")])
def test_what_has_the_name_of_an_epoch_and_is_no_file_is_found_before_any_work(tmp_path, make, got):
    make(tmp_path / "epoch-00001.safetensors")
    with pytest.raises(JobError, match=rf"/epoch-00001\.safetensors: must be a file, got {got}$"):
        Folder(tmp_path).expect_writable()
