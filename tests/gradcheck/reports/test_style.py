"""Colour on a terminal only, blocks where they can be written."""

import io

import pytest

from gradcheck.reports.style import BLOCKS, PLAIN, Style, style_of


class Stream(io.StringIO):
    def __init__(self, terminal=True, encoding="utf-8"):
        super().__init__()
        self.terminal, self.named = terminal, encoding

    encoding = property(lambda self: self.named)

    def isatty(self):
        return self.terminal


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_terminal_gets_colour_blocks_and_its_width():
    assert style_of(Stream(), 90) == Style(True, BLOCKS, 90)


def test_a_file_gets_neither_colour_nor_wrapped_lines():
    assert style_of(Stream(terminal=False), 90) == Style(False, BLOCKS, 0)


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_it_is_not_wanted(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert style_of(Stream(), 90) == Style(False, BLOCKS, 90)


def test_an_empty_no_color_says_nothing(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    assert style_of(Stream(), 90).colour


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", None, "no such encoding"])
def test_plain_marks_where_blocks_cannot_be_written(encoding):
    assert style_of(Stream(encoding=encoding), 90) == Style(True, PLAIN, 90)


def test_paint_leaves_nothing_painted_empty():
    assert Style(True).paint("", "bold") == "" and Style().paint("word", "bold") == "word"
