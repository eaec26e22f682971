import dataclasses

import pytest

from reference.job import options
from reference.job.options import Parser, add_settings
from reference.job.settings import SGD, Settings


@pytest.fixture
def parser():
    parser = Parser(prog="prog")
    add_settings(parser)
    return parser


def test_every_setting_is_an_option():
    names = [name for group in options.GROUPS.values() for name in group]
    assert sorted(names) == sorted(field.name for field in dataclasses.fields(Settings))


def test_what_is_not_given_is_left_out(parser):
    assert vars(parser.parse_args([])) == {}
    given = vars(parser.parse_args(["--held-out", "5", "--rate", "1e-2", "--norm", "post"]))
    assert given == {"held_out": 5, "rate": 0.01, "norm": "post"}


def test_help_shows_every_default(parser, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = parser.format_help()
    for field in dataclasses.fields(Settings):
        assert f"--{field.name.replace('_', '-')} " in text
        with_sgd = f"; with sgd {SGD[field.name]}" if field.name in SGD else ""
        assert f"(default: {field.default}{with_sgd})" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--width", "x"], "argument --width: invalid int value: 'x'"),
        (["--width", "1.5"], "argument --width: invalid int value: '1.5'"),
        (["--width"], "argument --width: expected one argument"),
        (["--depth", "3"], "unrecognized arguments: --depth 3"),
        (["--wid", "3"], "unrecognized arguments: --wid 3"),
        (["--depth\n\n", "3"], "unrecognized arguments: --depth 3"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line_and_status_2(parser, capsys, words, message):
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args(words)
    assert exit_.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"prog: {message}\n"
