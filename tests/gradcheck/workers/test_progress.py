import io
import sys

import pytest

from gradcheck.workers import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def bar(monkeypatch, delay, stderr):
    """What a pass over three items draws.  (Between set-up and test pytest puts its own stderr in place.)"""
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(progress, "DELAY", delay)
    assert list(progress.shown(iter("abc"), 3)) == ["a", "b", "c"]
    return stderr.getvalue()


def test_a_terminal_shows_how_far_a_long_check_is(monkeypatch):
    drawn = bar(monkeypatch, 0, Terminal())
    assert "gradcheck" in drawn
    assert "/3" in drawn


def test_a_check_that_is_soon_over_shows_nothing(monkeypatch):
    assert not bar(monkeypatch, progress.DELAY, Terminal())


def test_a_pipe_shows_nothing(monkeypatch):
    assert not bar(monkeypatch, 0, io.StringIO())


@pytest.mark.parametrize("stderr", ["none", "closed"])
def test_a_program_without_stderr_shows_nothing(stderr, monkeypatch):
    closed = Terminal()
    closed.close()
    monkeypatch.setattr(sys, "stderr", None if stderr == "none" else closed)
    assert list(progress.shown(iter("abc"), 3)) == ["a", "b", "c"]


def test_without_tqdm_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    assert not bar(monkeypatch, 0, Terminal())
