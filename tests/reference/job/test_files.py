import os
import re
from pathlib import Path

import pytest

from reference.job import files
from reference.job.errors import JobError
from reference.job.files import Folder
from reference.training.files import DRAFT, write


def test_a_folder_that_could_be_made_is_not_left_behind(tmp_path):
    Folder(tmp_path / "a" / "b").expect_writable()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(JobError, match=r"^\S+/a/b/c: cannot be written to \(Not a directory\)$"):
        Folder(tmp_path / "a" / "b" / "c").expect_writable()


def test_folders_made_for_a_run_that_cannot_write_are_gone_again(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    (tmp_path / "a").mkdir()
    with pytest.raises(JobError, match=r"cannot be written to \(Permission denied\)$"):
        Folder(tmp_path / "a" / "b" / "c").expect_writable()
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
    assert list((tmp_path / "a").iterdir()) == []


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
        f".metricsxjsonl.1{DRAFT}", "checkpoint.safetensors", ".hidden",
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
