"""What is written to a pipe whose reader has gone is given up, once, and quietly."""

import os
import subprocess
import sys

import pytest

from reference.job import unread


def test_what_is_read_is_read_and_without_a_stream_there_is_nothing_to_read(capsys, monkeypatch):
    print("text")
    assert unread.is_read() and capsys.readouterr().out == "text\n"
    monkeypatch.setattr(sys, "stdout", None)
    assert unread.is_read()


@pytest.mark.parametrize(("closed", "status"), [(True, unread.STATUS), (False, 0)])
def test_what_nobody_reads_goes_nowhere_and_the_end_of_the_program_says_nothing_of_it(closed, status):
    code = (
        "import sys; from reference.job import unread; sys.stdin.read(); print('text', end=''); "
        "sys.exit(0 if unread.is_read() else unread.STATUS)"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], env=buffered, **pipes) as process:
        if closed:
            process.stdout.close()
            process.stdin.close()
        else:
            assert process.communicate(b"", timeout=100)[0] == b"text"
        assert process.wait(timeout=100) == status
        assert not closed or process.stderr.read() == b""
