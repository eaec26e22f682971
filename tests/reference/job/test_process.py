import multiprocessing
import os
import signal
import threading
import time
import types

import pytest

from reference.job import process
from reference.job.errors import JobError


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    """Let `settle` change neither the environment of the tests nor their memory."""
    for name in process.THREADS:
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


def test_an_import_sets_nothing(command):
    code = "import os; before = dict(os.environ); import reference.job.cli; print(dict(os.environ) == before)"
    done = command(code=("-c", code))
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_workers_share_out_the_work_and_keep_its_order(monkeypatch):
    monkeypatch.setattr(process.os, "cpu_count", lambda: 2)
    with process.workers() as mapper:
        assert list(mapper(abs, [-3, 2, -1])) == [3, 2, 1]


def test_a_worker_that_dies_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(process.os, "cpu_count", lambda: 1)
    with pytest.raises(JobError, match=r"^a worker process died$"), process.workers() as mapper:
        list(mapper(os._exit, [3]))


def test_ctrl_c_ends_the_workers_at_once_and_in_silence_and_no_other_process(monkeypatch, capfd):
    monkeypatch.setattr(process.os, "cpu_count", lambda: 2)
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    other.start()
    children = []

    def interrupted(mapper):
        mapper(time.sleep, [600] * 9)
        children.extend(child for child in multiprocessing.active_children() if child is not other)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), process.workers() as mapper:
        interrupted(mapper)
    assert [child.exitcode for child in children] == [-signal.SIGTERM] * 2
    assert other.is_alive()
    other.terminate()
    other.join()
    assert capfd.readouterr() == ("", "")


def test_workers_never_hear_ctrl_c_and_the_command_does_again(heard):
    before = signal.getsignal(signal.SIGINT)
    with process.workers() as mapper:
        assert list(mapper(signal.getsignal, [signal.SIGINT])) == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_while_work_is_handed_out_is_late_and_not_lost(monkeypatch, heard):
    monkeypatch.setattr(process.os, "cpu_count", lambda: 1)
    submit, handed = process.ProcessPoolExecutor.submit, []

    def interrupted(pool, *work):
        signal.raise_signal(signal.SIGINT)
        handed.append(work)
        return submit(pool, *work)

    monkeypatch.setattr(process.ProcessPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt), process.workers() as mapper:
        mapper(abs, [1, 2, 3])
    assert len(handed) == 3


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
