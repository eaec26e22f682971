import multiprocessing
import os
import signal
import time

import pytest

from reference.job import process
from reference.job.errors import JobError


def test_workers_share_out_the_work_and_keep_its_order(monkeypatch):
    monkeypatch.setattr(process.os, "cpu_count", lambda: 2)
    with process.workers() as mapper:
        assert list(mapper(abs, [-3, 2, -1])) == [3, 2, 1]


def test_workers_have_loaded_a_module_before_they_work(monkeypatch):
    monkeypatch.setattr(process.os, "cpu_count", lambda: 1)
    loaded = "'colorsys' in __import__('sys').modules"
    for load, there in (("", False), ("colorsys", True)):
        with process.workers(load) as mapper:
            assert list(mapper(eval, [loaded])) == [there]


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
