"""A command line is read, or there is one line of complaint."""

from pathlib import Path

import pytest

from reference.job.parser import LONGEST, Parser, place


@pytest.fixture
def parser():
    parser = Parser(prog="prog")
    parser.add_argument("--out", type=place)
    parser.add_argument("--width", type=int)
    return parser


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", ""], "argument --out: must be a path, got nothing"),
        (["--out="], "argument --out: must be a path, got nothing"),
        (["--out=--"], "argument --out: must have a value, got --"),
        (["--width=--"], "argument --width: must have a value, got --"),
        (["--width\n", "3"], "unrecognized arguments: --width 3"),
        (["--width=" + "9" * 5001], f"argument --width: invalid int value: '{'9' * 56}..."),
        (["a b"] * 99, f"unrecognized arguments: {'a b ' * 99}"[:LONGEST] + "..."),
    ],
)
def test_what_cannot_be_read_is_one_line_and_status_2(parser, capsys, words, message):
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args(words)
    assert exit_.value.code == 2
    assert capsys.readouterr() == ("", f"prog: {message}\n")


def test_the_folder_in_which_one_is_has_a_name(parser):
    assert parser.parse_args(["--out", "."]).out == Path()
