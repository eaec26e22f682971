import pytest

from reference.job import written
from reference.job.errors import JobError
from reference.job.files import Folder
from reference.job.grid_folder import GridFolder
from reference.job.prepare import Prepared


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

    monkeypatch.setattr(written.tempfile, "TemporaryFile", refuse)
    (tmp_path / "a").mkdir()
    with pytest.raises(JobError, match=r"cannot be written to \(Permission denied\)$"):
        Folder(tmp_path / "a" / "b" / "c").expect_writable()
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
    assert list((tmp_path / "a").iterdir()) == []


def test_only_what_is_written_there_is_looked_for(tmp_path):
    """Epochs are of a run: text that is prepared and a grid have none."""
    (tmp_path / "epoch-00001.safetensors").mkdir()
    for folder in (Prepared(tmp_path), GridFolder(tmp_path)):
        folder.expect_writable()
    assert (tmp_path / "epoch-00001.safetensors").is_dir()
