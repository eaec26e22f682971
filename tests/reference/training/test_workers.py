import concurrent.futures
import math
import multiprocessing
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from reference.core import tree
from reference.training import loop, workers
from reference.training.errors import RunError
from reference.training.state import begin


@pytest.fixture
def learned(tiny):
    """learned(workers): all bits of a run with dropout and eight shards."""
    run = tiny(batch=8, shards=8, dropout=0.1, epochs=2)

    def learned(workers):
        *_, state = loop.train(run, begin(run), *loop.data(run), workers=workers)
        return [a.tobytes() for _, a in tree.leaves((state.model, state.optimizer))], state.losses.tobytes()

    return learned


def test_two_processes_and_a_map_give_the_bits_of_one(learned):
    once = learned(1)
    assert learned(2) == once
    assert learned(map) == once
    assert not multiprocessing.active_children()


def test_a_map_may_hand_back_futures_and_in_any_order(learned):
    def backwards(function, tasks):
        return [function(task) for task in reversed(tasks)]

    once = learned(1)
    assert learned(backwards) == once
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert learned(lambda function, tasks: [pool.submit(function, task) for task in tasks]) == once


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (TypeError, "2", "train: workers must be a whole number or map-like callable, got str"),
        (TypeError, 2.0, "train: workers must be a whole number or map-like callable, got float"),
        (TypeError, True, "train: workers must be a whole number or map-like callable, got bool"),
        (ValueError, 0, "train: workers must be at least 1, or -1 for all cores, got 0"),
        (ValueError, -2, "train: workers must be at least 1, or -1 for all cores, got -2"),
        (ValueError, 1025, "train: workers must be at most 1,024, got 1,025"),
        (ValueError, 10**30, "train: workers must be at most 1,024, got a number of more than nine digits"),
        (TypeError, lambda f, tasks: 3, "train: workers must hand back the results of 8 tasks, got int"),
        (TypeError, lambda f, tasks: tasks, "train: workers must hand back the results of 8 tasks, got tuple"),
        (ValueError, lambda f, tasks: [], "train: workers must hand back the results of 8 tasks, got 0"),
        (
            ValueError,
            lambda f, tasks: [f(tasks[0])] * 8,
            "train: workers must hand back the results of 8 tasks, got more than one of task 0",
        ),
    ],
)
def test_workers_that_make_no_sense_are_one_line(learned, kind, given, message):
    with pytest.raises(kind) as error:
        learned(given)
    assert str(error.value) == message


def test_all_cores_are_as_many_processes(monkeypatch):
    asked = []
    monkeypatch.setattr(workers.os, "cpu_count", lambda: 5)
    monkeypatch.setattr(workers, "ProcessPoolExecutor", lambda count, *_: asked.append(count) or closed())
    with workers.mapping(-1):
        pass
    assert asked == [5]


def closed():
    pool = concurrent.futures.ProcessPoolExecutor(1)
    pool.shutdown()
    return pool


def test_a_process_that_is_killed_is_replaced_and_its_work_done():
    with workers.mapping(2) as mapper:
        assert mapper(abs, [-1, -2, -3]) == [1, 2, 3]
        before = multiprocessing.active_children()
        os.kill(before[0].pid, signal.SIGKILL)
        before[0].join()
        assert mapper(abs, [-1, -2, -3]) == [1, 2, 3]
        assert not {child.pid for child in before} & {child.pid for child in multiprocessing.active_children()}
    assert not multiprocessing.active_children()


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
    assert not any(alive(child) for child in children)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"
