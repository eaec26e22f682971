import os
from pathlib import Path

import pytest

from reference.training import files
from reference.training.errors import WriteError
from reference.training.files import DRAFT


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a"
    files.write(path, b"old")
    files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_breaks_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, broken, error):
    path = tmp_path / "a"
    files.write(path, b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(os if broken == "fsync" else Path, broken, fail)
    with pytest.raises(WriteError if isinstance(error, OSError) else KeyboardInterrupt) as raised:
        files.write(path, b"new")
    if isinstance(error, OSError):
        assert str(raised.value) == f"{path}: cannot be written (No space left on device)"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_written_piece_by_piece_is_there_when_it_is_whole(tmp_path):
    path = tmp_path / "a"
    files.write(path, b"old")
    with files.drafted(path) as file:
        for piece in (b"ne", b"w"):
            file.write(piece)
            file.flush()
            assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    with pytest.raises(ZeroDivisionError), files.drafted(path):
        raise ZeroDivisionError
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_the_draft_stands_in_the_same_folder_so_that_a_rename_is_enough(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.extend(tmp_path.iterdir()))
    files.write(tmp_path / "a", b"new")
    (draft,) = seen
    assert draft.parent == tmp_path
    assert draft.name.startswith(".a.")


def test_the_folders_above_a_file_are_made_with_it(tmp_path):
    files.write(tmp_path / "a" / "b", b"new")
    assert (tmp_path / "a" / "b").read_bytes() == b"new"


def test_folders_that_were_made_for_a_file_that_cannot_be_written_go_again(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "kept").mkdir()
    monkeypatch.setattr(os, "fsync", fail)
    for path in (tmp_path / "a" / "b" / "c", tmp_path / "kept" / "c"):
        with pytest.raises(WriteError):
            files.write(path, b"new")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept"]


def test_a_file_below_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(WriteError, match=r"/a/b: cannot be written \(.+\)$"):
        files.write(tmp_path / "a" / "b", b"new")


def test_drafts_are_found_by_the_names_of_what_they_were_to_be_and_nothing_else_is(tmp_path):
    names = [f".a.1.12{DRAFT}", f".b-7.3{DRAFT}", f".c.4{DRAFT}", f".a.1.x{DRAFT}", f"a.1.12{DRAFT}", ".a.1.12", "a.1"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / f".a.1.5{DRAFT}").mkdir()
    found = files.drafts(tmp_path, [r"a\.1", "b-[0-9]+"])
    assert sorted(path.name for path in found) == names[:2]
    assert files.drafts(tmp_path / "nowhere", ["a"]) == []
