import contextlib
import io
from pathlib import Path

import pytest
from rich.console import Console

from reference.data import binary
from reference.data.corpus import Corpus
from reference.data.errors import DataError
from reference.data.text import own
from reference.job.errors import JobError
from reference.job.prepare import prepare
from reference.training.errors import WriteError
from reference.training.files import DRAFT


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0123456789" * 10)
    return path


def test_a_folder_is_written_and_what_to_do_with_it_is_said(file, tmp_path):
    console = Console(file=io.StringIO(), width=80)
    prepare([file], tmp_path / "out" / "data", "characters", 1, console)
    folder = tmp_path / "out" / "data"
    assert {path.name for path in folder.iterdir()} == {"train.bin", "val.bin", "tokenizer.json"}
    text = console.file.getvalue()
    assert "train.bin: 90 tokens of 10" in text and "val.bin: 10 tokens of 10" in text
    assert f"'python -m reference train text {folder}'" in text


def test_without_files_it_is_the_text_of_the_package(tmp_path):
    prepare([], tmp_path, "bytes", 1, Console(file=io.StringIO()))
    corpus = Corpus.prepared(tmp_path)
    assert corpus.training.size + corpus.held_out.size == sum(path.stat().st_size for path in own())


def test_what_cannot_be_read_leaves_what_was_there(file, tmp_path):
    console, out = Console(file=io.StringIO()), tmp_path / "data"
    prepare([file], out, "bytes", 1, console)
    before = {path: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "b.txt").write_bytes(b"\xff" * 100)
    with pytest.raises(DataError, match=r"b.txt: must be UTF-8, got byte 0xff"):
        prepare([file, tmp_path / "b.txt"], out, "characters", 1, console)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("at", range(4))
def test_a_kill_between_two_renames_leaves_no_folder_that_mixes_two_texts(file, tmp_path, monkeypatch, at):
    console, out = Console(file=io.StringIO()), tmp_path / "data"
    prepare([file], out, "bytes", 1, console)
    before, replace, renamed = Corpus.prepared(out).digest, Path.replace, []

    def killed(self, target):
        if len(renamed) == at:
            raise SystemExit
        renamed.append(target.name)
        return replace(self, target)

    (tmp_path / "b.txt").write_text("9876543210" * 10)
    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(SystemExit) if at < 3 else contextlib.nullcontext():
        prepare([tmp_path / "b.txt"], out, "bytes", 1, console)
    assert renamed == ["train.bin", "val.bin", "tokenizer.json"][:at]
    if at == 3:
        assert Corpus.prepared(out).digest not in (before, None)
    else:
        with pytest.raises(DataError, match=r"must be a folder that 'prepare' wrote, got one without tokenizer\.json$"):
            Corpus.prepared(out)


def test_what_breaks_before_all_is_written_leaves_what_was_there(file, tmp_path, monkeypatch):
    console, out = Console(file=io.StringIO()), tmp_path / "data"
    prepare([file], out, "bytes", 1, console)
    before, write = {path: path.read_bytes() for path in out.iterdir()}, binary.write

    def full(draft, *given):
        if "train.bin" in draft.name:
            raise OSError(28, "No space left on device")
        return write(draft, *given)

    monkeypatch.setattr(binary, "write", full)
    with pytest.raises(WriteError, match=r"cannot be written \(No space left on device\)$"):
        prepare([file, file], out, "bytes", 1, console)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_what_a_kill_left_behind_is_cleared_before_work(file, tmp_path):
    for name in (f".train.bin.7{DRAFT}", f".tokenizer.json.7{DRAFT}", f".mine.7{DRAFT}"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).touch()
    prepare([file], tmp_path / "data", "bytes", 1, Console(file=io.StringIO()))
    there = {path.name for path in (tmp_path / "data").iterdir()}
    assert there == {"train.bin", "val.bin", "tokenizer.json", f".mine.7{DRAFT}"}


@pytest.mark.parametrize("name", ["train.bin", "val.bin"])
def test_a_file_of_tokens_is_no_text(file, tmp_path, name):
    prepare([file], tmp_path / "data", "bytes", 1, Console(file=io.StringIO()))
    with pytest.raises(DataError, match=rf"/{name}: must be a text, or the folder .* wrote, got a file of tokens$"):
        prepare([file, tmp_path / "data" / name], tmp_path / "other", "bytes", 1, Console(file=io.StringIO()))
    assert not (tmp_path / "other").exists()


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(file):
    with pytest.raises(JobError, match=r"/a.txt/data: cannot be written to \(Not a directory\)$"):
        prepare([file], file / "data", "bytes", 1, Console(file=io.StringIO()))


@pytest.mark.parametrize("name", ["train.bin", "val.bin", "tokenizer.json"])
def test_a_folder_with_the_name_of_a_file_is_found_before_any_work(file, tmp_path, name):
    console, out = Console(file=io.StringIO()), tmp_path / "data"
    prepare([file], out, "bytes", 1, console)
    (out / name).unlink()
    (out / name).mkdir()
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    with pytest.raises(JobError, match=rf"/{name}: must be a file, got a folder$"):
        prepare([file], out, "bytes", 1, console)
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("name", ["train.bin", "val.bin", "tokenizer.json"])
def test_a_file_of_another_hand_is_found_before_any_work(file, tmp_path, name):
    console, out = Console(file=io.StringIO()), tmp_path / "data"
    must = rf"/{name}: must be a file that 'prepare' wrote, got another: move it, or name another folder with --out$"
    for prepared in (False, True):
        out.mkdir(exist_ok=True)
        (out / name).write_bytes(b'{"bytes": 256, "mine": true}')
        before = {path: path.read_bytes() for path in out.iterdir()}
        with pytest.raises(JobError, match=must):
            prepare([file], out, "bytes", 1, console)
        assert {path: path.read_bytes() for path in out.iterdir()} == before
        if not prepared:
            (out / name).unlink()
            prepare([file], out, "characters", 1, console)


def test_a_prepared_folder_of_which_a_file_was_cut_short_is_prepared_anew(file, tmp_path):
    console, out = Console(file=io.StringIO()), tmp_path / "data"
    prepare([file], out, "bytes", 1, console)
    for name in ("train.bin", "val.bin"):
        (out / name).write_bytes((out / name).read_bytes()[:-1])
    prepare([file], out, "characters", 1, console)
    assert Corpus.prepared(out).tokenizer.vocabulary == 10
