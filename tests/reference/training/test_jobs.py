import concurrent.futures
import multiprocessing
import os
import signal

import pytest
from carried import slept

from reference.training.errors import RunError
from reference.training.jobs import jobs
from reference.training.threads import Threads


def found(workers, function, tasks):
    with jobs(workers) as spread:
        return sorted(spread(function, tasks))


def test_every_task_has_its_result_wherever_it_was_done():
    expected = [(0, 3), (1, 1), (2, 2)]
    assert found(1, abs, [-3, -1, -2]) == expected
    assert found(2, abs, [-3, -1, -2]) == expected
    assert found(map, abs, [-3, -1, -2]) == expected
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert found(lambda f, tasks: [pool.submit(f, task) for task in tasks], abs, [-3, -1, -2]) == expected
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, map])
def test_a_result_is_there_before_the_next_task_begins(workers):
    begun = []

    def note(task):
        begun.append(task)
        return task

    with jobs(workers) as spread:
        results = spread(Noted(begun), [5, 6, 7]) if workers is map else spread(note, [5, 6, 7])
        assert next(iter(results)) == (0, 5)
        assert len(begun) <= 1


class Noted:
    """A function that goes through pickle, as to another process, and still shows what it was given."""

    begun = None

    def __init__(self, begun):
        type(self).begun = begun

    def __call__(self, task):
        self.begun.append(task)
        return task


def test_processes_hand_back_what_is_done_first():
    with jobs(2) as spread:
        assert list(spread(slept, [1.5, 0.0])) == [(1, 0.0), (0, 1.5)]


def test_no_tasks_are_no_work():
    for workers in (1, 2, map):
        assert found(workers, abs, []) == []


def test_a_process_that_is_killed_is_replaced_and_what_it_left_begins_anew():
    with jobs(2) as spread:
        results = spread(slept, [0.0, 0.3, 0.4])
        first = next(results)
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)
        assert sorted([first, *results]) == [(0, 0.0), (1, 0.3), (2, 0.4)]
    assert not multiprocessing.active_children()


def test_a_process_that_dies_each_time_is_one_line():
    message = r"^worker processes must live for a step, got 3 that died one after another$"
    with pytest.raises(RunError, match=message):
        found(2, os._exit, [3, 3])
    assert not multiprocessing.active_children()


def test_workers_that_make_no_sense_are_one_line():
    with pytest.raises(ValueError, match="workers must be at least 1"):
        found(0, abs, [1])
    with pytest.raises(TypeError, match="workers must be a whole number or map-like callable"):
        found("2", abs, [1])
    with pytest.raises(TypeError, match="must be a whole number or map-like callable, got Threads"):
        found(Threads(2), abs, [1])
    with pytest.raises(ValueError, match="must hand back the results of 2 tasks, got 1"):
        found(lambda f, tasks: [f(tasks[0])], abs, [1, 2])
