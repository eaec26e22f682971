import pytest

from reference.data.errors import DataError
from reference.data.table import rows, split


@pytest.fixture
def file(tmp_path):
    """file(data): the path of a table of it."""

    def file(data):
        path = tmp_path / "a.tsv"
        path.write_bytes(data)
        return path

    return file


def test_a_line_is_a_row_of_two_columns(file):
    path = file("one\teins\n\ntwo words\tzwei é\r\nlast\tletzte".encode())
    assert rows(path) == [("one", "eins"), ("two words", "zwei é"), ("last", "letzte")]


def test_a_mark_of_the_byte_order_is_no_text(file):
    assert rows(file(b"\xef\xbb\xbfone\teins\n")) == [("one", "eins")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "must have some text, got an empty file"),
        (b"a\tb\nc d\n", "line 2 must have two columns with a tab between them, got 1"),
        (b"a\tb\tc\n", "line 1 must have two columns with a tab between them, got 3"),
        (b"a\t\n", "line 1 must have two columns with a tab between them, got an empty one"),
        (b"a\t\xff\n", "must be UTF-8, got byte 0xff; save the table as UTF-8"),
    ],
)
def test_what_is_no_table_is_one_clear_line(file, data, message):
    path = file(data)
    with pytest.raises(DataError) as error:
        rows(path)
    assert str(error.value) == f"{path}: {message}"


@pytest.mark.parametrize("count", [1, 2, 10, 11, 35])
def test_every_tenth_text_is_held_out_whatever_is_said_to_it(count):
    found = [(f"text {i}", str(k)) for k in range(3) for i in range(count)]
    training, held_out = split(found)
    assert sorted(training + held_out) == list(range(3 * count))
    assert {found[i][0] for i in held_out} == {f"text {i}" for i in range(0, count, 10)}
    assert not {found[i][0] for i in held_out} & {found[i][0] for i in training}
