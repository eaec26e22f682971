"""A command without streams, or with streams that take nothing."""

import subprocess
import sys

import pytest

from gradcheck.cli.main import main

WORDS = f"{sys.executable} -m gradcheck layers:wrong --input x=3"


def shell(folder, script):
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    "closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-", "--json >&-", "--html page.html >&- 2>&-"]
)
def test_closed_streams_change_no_status(closed, folder):
    done = shell(folder, f"{WORDS} {closed}")
    assert (done.returncode, done.stderr) == (1, "")
    if "--html" in closed:
        assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("words", ["", "--json"])
def test_a_full_disk_is_one_line(words, folder):
    done = shell(folder, f"{WORDS} {words} > /dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr.startswith("gradcheck: ") and "No space left" in done.stderr


def test_usage_without_stderr_is_not_said_on_stdout(folder):
    done = shell(folder, f"{sys.executable} -m gradcheck layers:wrong --nonsense 2>&-")
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize("missing", ["none", "closed"])
def test_a_program_that_calls_the_command_may_have_no_streams(missing, folder, monkeypatch, tmp_path):
    for name in ("stdout", "stderr"):
        stream = (tmp_path / name).open("w")
        stream.close()
        monkeypatch.setattr(sys, name, None if missing == "none" else stream)
    before = sys.stdout, sys.stderr
    assert main(["layers:wrong", "--input", "x=3"]) == 1
    assert main(["layers:breaks", "--input", "x=3"]) == 1
    assert main(["demo"]) == 0
    assert (sys.stdout, sys.stderr) == before
