import math
import multiprocessing
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from carried import Noted

from reference.training import workers
from reference.training.errors import RunError
from reference.training.processes import Processes


def test_a_process_that_is_killed_is_replaced_and_its_work_done():
    with workers.mapping(2) as mapper:
        assert mapper(abs, [-1, -2, -3]) == [1, 2, 3]
        killed, other = multiprocessing.active_children()
        os.kill(killed.pid, signal.SIGKILL)
        killed.join()
        assert mapper(abs, [-1, -2, -3]) == [1, 2, 3]
        now = {child.pid for child in multiprocessing.active_children()}
        assert len(now) == 2 and other.pid in now and killed.pid not in now
    assert not multiprocessing.active_children()


@pytest.fixture
def two():
    processes = Processes(2)
    yield processes
    processes.close()


def test_no_more_processes_are_started_than_there_are_tasks(two):
    assert two.map(abs, [-1]) == [1]
    assert len(multiprocessing.active_children()) == 1
    assert two.map(abs, [-1, -2, -3]) == [1, 2, 3]
    assert len(multiprocessing.active_children()) == 2


def test_what_all_tasks_share_goes_to_a_process_once_for_all_its_tasks(two, tmp_path):
    assert two.map(Noted(tmp_path / "loads"), list(range(5))) == list(range(5))
    assert len((tmp_path / "loads").read_text()) == 2


def test_after_an_error_no_late_answer_is_taken_for_a_new_one(two):
    with pytest.raises(ValueError, match=r"must be non-negative"):
        two.map(time.sleep, [-1.0, 0.5])
    assert two.map(abs, [-1, -2]) == [1, 2]


def test_a_process_that_dies_each_time_is_one_line():
    message = r"^worker processes must live for a step, got 3 that died one after another$"
    with pytest.raises(RunError, match=message), workers.mapping(2) as mapper:
        mapper(os._exit, [3, 3])
    assert not multiprocessing.active_children()


def test_an_error_in_a_process_is_raised_here_and_nobody_is_left():
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"), workers.mapping(2) as mapper:
        mapper(math.sqrt, [1.0, -1.0])
    assert not multiprocessing.active_children()


def test_processes_are_ended_whatever_they_are_at():
    children = []

    def broken_off(mapper):
        mapper(abs, [-1, -2])
        children.extend(multiprocessing.active_children())
        mapper(time.sleep, [-1.0, 600.0])

    with pytest.raises(ValueError, match=r"must be non-negative"), workers.mapping(2) as mapper:
        broken_off(mapper)
    assert children
    assert {child.exitcode for child in children} == {-signal.SIGTERM}


def test_processes_never_hear_ctrl_c(heard):
    with workers.mapping(2) as mapper:
        assert mapper(signal.getsignal, [signal.SIGINT]) == [signal.SIG_IGN]


def test_what_overflows_in_a_process_is_no_warning(capfd):
    with workers.mapping(2) as mapper:
        assert mapper(np.exp, [np.float32(1000)]) == [np.inf]
    assert capfd.readouterr() == ("", "")


def test_a_command_that_is_killed_leaves_no_process_behind(command, untraced):
    code = (
        "import multiprocessing, time\n"
        "from reference.training.workers import mapping\n"
        "with mapping(2) as mapper:\n"
        "    mapper(abs, [1, 2])\n"
        "    print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "    time.sleep(600)\n"
    )
    process = command(code=("-c", code), start=subprocess.Popen)
    children = [int(word) for word in process.stdout.readline().split()]
    assert children
    process.kill()
    process.communicate(timeout=60)  # it waits for whoever holds its output, so for the children
    for _ in range(600):  # its output is closed a moment before a process is gone
        if not any(alive(child) for child in children):
            break
        time.sleep(0.1)
    assert not any(alive(child) for child in children)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"
