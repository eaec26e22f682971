import os

import numpy as np
import pytest

from reference.data import text
from reference.data.errors import DataError
from reference.data.text import Part, chunks, own, parts, size_of


@pytest.fixture
def file(tmp_path):
    """file(data): the path of a file of it."""

    def file(data):
        path = tmp_path / "a.txt"
        path.write_bytes(data)
        return path

    return file


def whole(some, most=2**20):
    return b"".join(data for _, data in chunks(some, most))


def test_the_last_tenth_of_each_file_is_held_out(file):
    training, held_out = parts([file(b"0123456789" * 10)])
    assert (whole(training), whole(held_out)) == (b"0123456789" * 9, b"0123456789")


@pytest.mark.parametrize("char", ["a", "é", "語", "\U0001f600"])
@pytest.mark.parametrize("count", range(1, 12))
def test_no_character_is_cut_in_two(file, char, count):
    training, held_out = parts([file(char.encode() * count)])
    assert whole(training).decode() + whole(held_out).decode() == char * count


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8, 1000])
def test_pieces_are_characters_and_give_the_text_again(file, most):
    data = "one\ntwo é 語 \U0001f600\U0001f600\U0001f600 three\nfour".encode()
    path = file(data)
    found = [piece for _, piece in chunks([Part(path, 0, len(data))], most)]
    assert b"".join(found) == data
    for piece in found:
        piece.decode()  # raises where a character is cut


def test_pieces_end_with_a_line_where_one_ends(file):
    path = file(b"one\ntwo\nthree\n")
    assert [data for _, data in chunks([Part(path, 0, 14)], 6)] == [b"one\n", b"two\n", b"three\n"]


def test_pieces_of_what_is_no_text_give_it_again(file):
    data = np.random.default_rng(3).bytes(5000)
    path = file(data)
    for most in (1, 7, 64, 4096):
        assert whole([Part(path, 0, 5000)], most) == data
        assert max(len(piece) for _, piece in chunks([Part(path, 0, 5000)], most)) <= 2 * most + 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b""), "must have some text, got an empty file"),
        (lambda path: path.mkdir(), "must be a file, got a folder"),
        (lambda path: None, "cannot be read (No such file or directory)"),
        (lambda path: os.mkfifo(path), "must be a file, got something else"),
    ],
)
def test_what_is_no_text_to_read_is_one_clear_line(tmp_path, make, message):
    path = tmp_path / "a.txt"
    make(path)
    with pytest.raises(DataError) as error:
        parts([path])
    assert str(error.value) == f"{path}: {message}"


def test_a_file_that_is_cut_while_it_is_read_is_one_clear_line(file):
    with pytest.raises(DataError, match=r"a.txt: must stay as it is while it is read, got a shorter file$"):
        whole([Part(file(b"short"), 0, 9)])


def test_the_package_carries_half_a_megabyte_of_text():
    assert sum(map(size_of, own())) > 5e5
    assert {path.suffix for path in own()} == {".md"}
    assert text.PAGES / "layers" / "layernorm.md" in own()
