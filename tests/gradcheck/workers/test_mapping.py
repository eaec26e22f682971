"""Wherever the work is done, the report is the same to the last bit."""

import concurrent.futures
import functools
import itertools
import os

import numpy as np
import pytest

from gradcheck import Checker
from gradcheck.workers.mapping import Done, Numbered, mapping
from reference.layers.layernorm import LayerNorm

X = np.random.default_rng(1).normal(size=(3, 5))
GAMMA, BETA = np.random.default_rng(2).normal(size=(2, 5))


def bend(layer, factor, x):
    """A wrong layer that can be sent to another process."""
    y, pullback = layer.vjp(x)
    return y, lambda dy: factor * pullback(dy)[1]


SUBJECTS = {
    "right": LayerNorm(GAMMA, BETA),
    "wrong": functools.partial(bend, LayerNorm(GAMMA, BETA), 1.0001),
}


class Promises:
    """A map that returns promises, as a Dask client's does, and in an order of its own."""

    def map(self, function, tasks):
        futures = [concurrent.futures.Future() for _ in tasks]
        for future, task in reversed(list(zip(futures, tasks, strict=True))):
            future.set_result(function(task))
        return futures


def backwards(function, tasks):
    """A map that hands results back as they come, the last first."""
    return [function(task) for task in reversed(tasks)]


@pytest.fixture
def asked(monkeypatch):
    """How many processes were started, none of them in truth."""
    asked = []

    class Pool:
        def __init__(self, count):
            asked.append(count)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        imap = staticmethod(map)

    monkeypatch.setattr("multiprocessing.Pool", Pool)
    return asked


@pytest.mark.parametrize(("workers", "count"), [(-1, os.cpu_count()), (2, 2), (1024, 1024)])
def test_a_number_is_that_of_processes_and_minus_one_is_all_cores(workers, count, asked):
    with mapping(workers) as mapper:
        assert mapper(abs, [-1, 2]) == [1, 2]
    assert asked == [count]


def test_one_worker_is_this_process(asked):
    with mapping(1) as mapper:
        assert mapper(abs, [-1, 2]) == [1, 2]
    assert asked == []


@pytest.mark.parametrize("workers", [True, False, 2.0, "2", None])
def test_workers_of_another_type_are_refused(workers):
    want = f"gradcheck: workers must be a whole number or map-like callable, got {type(workers).__name__}"
    with pytest.raises(TypeError, match=f"^{want}$"), mapping(workers):
        pass


@pytest.mark.parametrize("workers", [0, -2])
def test_fewer_processes_than_one_are_refused(workers):
    with pytest.raises(ValueError, match="workers must be at least") as caught, mapping(workers):
        pass
    assert str(caught.value) == f"gradcheck: workers must be at least 1, or -1 for all cores, got {workers}"


@pytest.mark.parametrize(
    ("workers", "got"),
    [
        (1025, "1025"),
        (999_999_999, "999999999"),
        (10**9, "a number of more than nine digits"),
        (10**5000, "a number of more than nine digits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "workers",
)
def test_more_processes_than_any_machine_has_are_refused_before_they_are_started(workers, got, asked):
    with pytest.raises(ValueError, match=rf"^gradcheck: workers must be at most 1024, got {got}$"), mapping(workers):
        pass
    assert asked == []


def test_results_are_sorted_by_the_numbers_of_their_tasks():
    with mapping(backwards) as mapper:
        assert mapper(abs, [-1, 2, -3]) == [1, 2, 3]
    assert Numbered(abs)((7, -2)) == Done(7, 2)


@pytest.mark.parametrize(
    ("workers", "error", "got"),
    [
        (lambda function, tasks: None, TypeError, "NoneType"),
        (lambda function, tasks: 3, TypeError, "int"),
        (lambda function, tasks: tasks, TypeError, "tuple as number 0"),
        (lambda function, tasks: [None for _ in tasks], TypeError, "NoneType as number 0"),
        (lambda function, tasks: [], ValueError, "0"),
        (lambda function, tasks: [function(tasks[0])], ValueError, "1"),
        (lambda function, tasks: [function(tasks[0]) for _ in tasks], ValueError, "more than one of task 0"),
        (lambda function, tasks: map(function, [*tasks, tasks[0]]), ValueError, "more than one of task 0"),
        (lambda function, tasks: itertools.repeat(function(tasks[0])), ValueError, "more than one of task 0"),
    ],
)
def test_a_map_that_hands_back_no_results_is_refused_in_one_line(workers, error, got):
    with pytest.raises(error) as caught, mapping(workers) as mapper:
        mapper(abs, [-1, -2, -3])
    assert str(caught.value) == f"gradcheck: workers must hand back the results of 3 tasks, got {got}"


def test_no_tasks_have_no_results():
    with mapping(map) as mapper:
        assert mapper(abs, []) == []


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_report_does_not_depend_on_where_the_work_is_done(name):
    serial = Checker(seed=3)(SUBJECTS[name], X)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        for workers in (2, threads.map, Promises().map, map, backwards):
            report = Checker(seed=3, workers=workers)(SUBJECTS[name], X)
            assert report.to_dict() == serial.to_dict()
            assert str(report) == str(serial)
            assert report.evaluations == serial.evaluations
    assert serial.verdict == {"right": "pass", "wrong": "fail"}[name]


def test_a_generator_among_the_constants_is_replayed_in_every_process():
    def dropped(x, rng):
        keep = rng.uniform(size=x.shape) > 0.3
        return x * x * keep, lambda dy: 2 * x * keep * dy

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        for workers in (1, threads.map):
            assert Checker(workers=workers)(dropped, X, rng=np.random.default_rng(9)).verdict == "pass"
