"""A bar for checks that take long: in a terminal, with tqdm, and nowhere else."""

import io
import sys
import types

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


def test_a_terminal_shows_how_far_a_long_check_is_and_is_cleared_afterwards(monkeypatch):
    drawn = bar(monkeypatch, 0, Terminal())
    assert drawn.startswith("\rgradcheck: ") and "0/3" in drawn
    assert "?probe/s" in drawn and drawn.endswith("\r")


def test_a_check_that_is_soon_over_shows_nothing(monkeypatch):
    assert not bar(monkeypatch, progress.DELAY, Terminal())
    assert 1 <= progress.DELAY < 4, "seconds: long enough for most checks, short enough to be seen to run"


@pytest.mark.parametrize(("total", "shows"), [(0, False), (1, False), (2, True)])
def test_a_bar_is_of_two_items_at_the_least(total, shows, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "DELAY", 0)
    assert list(progress.shown(iter("ab"[:total]), total)) == list("ab"[:total])
    assert bool(sys.stderr.getvalue()) == shows


def test_a_bar_follows_the_width_of_its_window(monkeypatch):
    given = {}
    fake = types.SimpleNamespace(tqdm=lambda items, *names, **options: given.update(options) or items)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", fake)
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: fake)
    assert list(progress.shown(iter("ab"), 2)) == ["a", "b"] and given["dynamic_ncols"]


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
