"""Wherever the work is done, the report is the same to the last bit."""

import concurrent.futures
import functools
import itertools
import os

import numpy as np
import pytest

import gradcheck
from gradcheck import Checker
from gradcheck.workers.mapping import mapping
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


def test_minus_one_is_all_cores(monkeypatch):
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
    with mapping(-1) as mapper:
        assert mapper(abs, [-1, 2]) == [1, 2]
    assert asked == [os.cpu_count()]


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


def test_more_processes_than_any_machine_has_are_refused_before_they_are_started():
    for workers, got in ((1025, "1025"), (10**5000, "a number of more than nine digits")):
        with pytest.raises(ValueError, match=rf"^gradcheck: workers must be at most 1024, got {got}$"):
            gradcheck.Checker(workers=workers)(SUBJECTS["right"], X)
