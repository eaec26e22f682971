import io
import os
import signal
import sys
import threading
import types

import pytest

from reference.training import process


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    """Let `settle` change neither the environment of the tests nor their memory."""
    for name in (*process.THREADS, "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process.ctypes, "CDLL", lambda _: None)


def test_blas_gets_one_thread_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", "4")
    process.settle()
    assert {name: os.environ[name] for name in process.THREADS} == dict.fromkeys(process.THREADS, "1") | {
        "MKL_NUM_THREADS": "4"
    }


def test_freed_memory_is_kept(monkeypatch):
    asked = []
    library = types.SimpleNamespace(mallopt=lambda option, value: asked.append((option, value)))
    monkeypatch.setattr(process.ctypes, "CDLL", lambda _: library)
    process.settle()
    assert asked == list(process.MALLOPT.values())


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_another_c_library_is_left_as_it_is(monkeypatch, error):
    def load(_):
        raise error

    monkeypatch.setattr(process.ctypes, "CDLL", load)
    process.settle()
    assert os.environ["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(("errors", "shown"), [("strict", b"\\u2202x"), ("replace", b"?x")])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_character_that_the_terminal_has_not_is_shown_by_its_number(monkeypatch, name, errors, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=errors)
    monkeypatch.setattr(sys, name, stream)
    process.settle()
    stream.write("\u2202x")
    stream.flush()
    assert stream.buffer.getvalue() == shown


def test_a_process_without_a_terminal_is_settled_too(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    process.settle()
    assert os.environ["MPLBACKEND"] == "agg"


def test_an_import_sets_nothing(command):
    code = "import os; before = dict(os.environ); import reference.job.cli; print(dict(os.environ) == before)"
    done = command(code=("-c", code))
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize("mask", [True, False])
def test_ctrl_c_is_put_off_with_and_without_a_mask_even_if_another_thread_hears_it(monkeypatch, heard, mask):
    if not mask:
        monkeypatch.delattr(signal, "pthread_sigmask")
    before, done = signal.getsignal(signal.SIGINT), []

    def interrupted():
        with process.held():
            thread = threading.Thread(target=signal.raise_signal, args=(signal.SIGINT,))
            thread.start()
            thread.join()
            os.kill(os.getpid(), signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is before
    with process.held():
        pass  # nothing came, nothing is raised


def test_what_is_started_while_ctrl_c_is_held_never_hears_it(command, untraced, heard):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('deaf')"
    with process.held():
        done = command(code=("-c", code))
    assert (done.returncode, done.stdout) == (0, "deaf\n")


def test_in_another_thread_there_is_no_ctrl_c_to_put_off(heard):
    before, done = signal.getsignal(signal.SIGINT), []

    def work():
        with process.held():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [before]
