import io
import os

import numpy as np
import pytest

from reference.data import binary
from reference.data.binary import HEADER, Tokens
from reference.data.errors import DataError

PIECES = [(np.array([3, 65_534, 0], np.uint16), 5), (np.array([7], np.uint16), 1), (np.empty(0, np.uint16), 0)]


@pytest.fixture
def path(tmp_path):
    file = io.BytesIO()
    assert binary.write(file, PIECES, 65_535, b"t" * 32) == 4
    path = tmp_path / "train.bin"
    path.write_bytes(file.getvalue())
    return path


def test_tokens_come_back_with_all_that_the_header_says(path):
    tokens, there = binary.read(path), Tokens.of(PIECES, 65_535, b"t" * 32)
    assert tokens.ids.tolist() == there.ids.tolist() == [3, 65_534, 0, 7]
    for name in ("size", "vocabulary", "tokenizer", "contents"):
        assert getattr(tokens, name) == getattr(there, name)
    assert (tokens.size, tokens.vocabulary) == (6, 65_535)


def test_tokens_stay_in_the_file_two_bytes_each(path):
    assert isinstance(binary.read(path).ids, np.memmap)
    assert path.stat().st_size == HEADER.size + 2 * 4
    assert path.read_bytes()[HEADER.size :] == np.array([3, 65_534, 0, 7], "<u2").tobytes()


def test_a_text_without_a_token_is_read(tmp_path):
    file = io.BytesIO()
    binary.write(file, [], 256, bytes(32))
    (tmp_path / "val.bin").write_bytes(file.getvalue())
    assert len(binary.read(tmp_path / "val.bin").ids) == 0


@pytest.mark.parametrize("cut", [1, 2, 7])
def test_a_file_cut_short_is_one_clear_line(path, cut):
    path.write_bytes(path.read_bytes()[:-cut])
    message = rf"train.bin: must have {HEADER.size + 8} bytes for its 4 tokens, got {HEADER.size + 8 - cut}$"
    with pytest.raises(DataError, match=message):
        binary.read(path)


def test_a_file_that_has_grown_is_one_clear_line(path):
    path.write_bytes(path.read_bytes() + b"\0\0")
    with pytest.raises(DataError, match=r"train.bin: must have .* got 106$"):
        binary.read(path)


@pytest.mark.parametrize("data", [b"", b"text", b"text" * 100])
def test_another_file_is_one_clear_line(path, data):
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"train.bin: must be a file of tokens as 'prepare' writes them, got another$"):
        binary.read(path)


def test_another_version_is_one_clear_line(path):
    data = bytearray(path.read_bytes())
    data[8] = 9
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"train.bin: must be of version 1, got 9$"):
        binary.read(path)


def test_no_file_is_one_clear_line(tmp_path):
    with pytest.raises(DataError, match=r"none.bin: cannot be read \(No such file or directory\)$"):
        binary.read(tmp_path / "none.bin")


def test_a_pipe_is_one_clear_line_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "train.bin")
    with pytest.raises(DataError, match=r"train.bin: must be a file, got something else$"):
        binary.read(tmp_path / "train.bin")


def test_the_tokenizer_is_read_from_the_header_of_a_file_that_is_cut_short(tmp_path):
    path = tmp_path / "train.bin"
    with path.open("wb") as file:
        binary.write(file, PIECES, 65_535, bytes(range(32)))
    for data in (path.read_bytes(), path.read_bytes()[:-1]):
        path.write_bytes(data)
        assert binary.tokenizer_of(path) == bytes(range(32))
