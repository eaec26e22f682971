import concurrent.futures
import multiprocessing
from collections import deque

import pytest

from reference.core import tree
from reference.training import loop, workers
from reference.training.state import begin


@pytest.fixture
def learned(tiny):
    """learned(workers): all bits of a run with dropout and eight shards."""
    run = tiny(batch=8, shards=8, dropout=0.1, epochs=2)

    def learned(workers):
        (state,) = deque(loop.train(run, begin(run), *loop.data(run), workers=workers), maxlen=1)
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
    monkeypatch.setattr(workers.os, "cpu_count", lambda: 3)
    with workers.mapping(-1) as mapper:
        assert mapper(abs, range(-5, 0)) == [5, 4, 3, 2, 1]
        assert len(multiprocessing.active_children()) == 3
