import io

import pytest
from rich.console import Console

from reference.data.corpus import Corpus
from reference.data.errors import DataError
from reference.data.text import own
from reference.job.prepare import prepare
from reference.training.errors import WriteError


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


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(file):
    with pytest.raises(WriteError, match=r"/a.txt/.*train.bin: cannot be written \(.+\)$"):
        prepare([file], file / "data", "bytes", 1, Console(file=io.StringIO()))
