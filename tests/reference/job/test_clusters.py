import contextlib
import logging
import sys
import types

import pytest

from reference.job import clusters
from reference.job.errors import JobError, UsageError
from reference.training.process import settle
from reference.training.threads import Threads


class Killed(Exception):
    """As Dask says that a task ended several workers."""


class Client:
    """A cluster in this process."""

    def __init__(self, address, timeout):
        if address == "nowhere":
            raise OSError("Timed out trying to connect to nowhere\nafter 10 s")
        self.address, self.sent = address, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.address = None

    def wait_for_workers(self, count, timeout):
        if self.address == "empty":
            raise TimeoutError

    def submit(self, function, value, pure):
        self.sent.append(value)
        return function(value)

    def map(self, call, tasks, function, pure):
        return [call(task, function=function) for task in tasks]

    def gather(self, futures):
        return futures


class Future:
    """What is computed already."""

    def __init__(self, value):
        self.value = value

    def result(self):
        return self.value


@pytest.fixture
def dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", types.SimpleNamespace(
        Client=Client, KilledWorker=Killed, as_completed=lambda futures: map(Future, reversed(futures))))
    for name in ("distributed", "distributed.client"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.WARNING)


def mapped(given, function=abs, tasks=(-1, -2), command="train"):
    with clusters.workers(given, command) as workers:
        made = workers(function, list(tasks))
        return list(made) if command == "scale" else made


def test_a_number_is_a_number():
    for given, expected in (({}, 1), ({"workers": 2}, 2), ({"workers": -1}, -1), ({"threads": 2}, Threads(2))):
        with clusters.workers(given) as workers:
            assert workers == expected


def test_a_number_that_makes_no_sense_is_bad_usage():
    with pytest.raises(UsageError, match=r"^workers must be at least 1, or -1 for all cores, got 0$"):
        mapped({"workers": 0})
    with pytest.raises(UsageError, match=r"^threads must lie in \[1, 1,024\], got 0$"):
        mapped({"threads": 0})
    for name, value in {"workers": 2, "dask": "there", "mpi": True}.items():
        with pytest.raises(UsageError, match=rf"^threads must come without {name}, got both$"):
            mapped({name: value, "threads": 2})


def test_dask_gets_the_function_once_and_every_task(dask, monkeypatch):
    clients, whole = [], Client.__init__
    monkeypatch.setattr(Client, "__init__", lambda self, *a, **k: clients.append(self) or whole(self, *a, **k))
    assert mapped({"dask": "there"}, abs, [-1, -2, -3]) == [1, 2, 3]
    assert [client.sent for client in clients] == [[abs]]


def test_what_dask_warns_of_is_not_printed_beside_the_one_line(dask, caplog):
    mapped({"dask": "there"})
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).error("Failed to reconnect")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        (
            "nowhere",
            None,
            "dask must be the address of a scheduler, got 'nowhere' (OSError: Timed out trying to connect to nowhere)",
        ),
        ("empty", None, "the cluster at empty must have workers, got none in 10 seconds"),
        ("there", Killed("x"), "workers at there must live for a step, got some that died one by one"),
        (
            "there",
            ModuleNotFoundError("No module named 'reference'"),
            "the cluster at there must compute a step, got ModuleNotFoundError: No module named 'reference'",
        ),
    ],
)
def test_a_cluster_that_cannot_is_one_line(dask, address, error, message):
    def failing(_):
        raise error

    with pytest.raises(JobError) as raised:
        mapped({"dask": address}, failing)
    assert str(raised.value) == message


@pytest.fixture
def mpi(monkeypatch):
    """mpi(size, *words): a command line under so many MPI processes; returns what the pool was asked."""

    def mpi(size, *words):
        asked = []

        def pool(initializer):
            asked.append(initializer)
            one = types.SimpleNamespace(num_workers=size - 1)
            one.map = lambda function, tasks, **how: asked.append(how) or map(function, tasks)
            return contextlib.nullcontext(one)

        world = types.SimpleNamespace(COMM_WORLD=types.SimpleNamespace(size=size))
        monkeypatch.setitem(sys.modules, "mpi4py", types.ModuleType("mpi4py"))
        monkeypatch.setitem(sys.modules, "mpi4py.MPI", world)
        monkeypatch.setitem(sys.modules, "mpi4py.futures", types.SimpleNamespace(MPIPoolExecutor=pool))
        monkeypatch.setattr(sys, "orig_argv", ["python", *words])
        return asked

    return mpi


def test_mpi_settles_its_workers_and_gives_each_its_tasks_in_one_piece(mpi):
    asked = mpi(4, "-m", "mpi4py.futures", "-m", "reference")
    assert list(mapped({"mpi": True}, abs, range(-8, 0))) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert asked == [settle, {"chunksize": 3}]


def test_cells_come_back_one_by_one_in_any_order(dask, mpi):
    assert mapped({"dask": "there"}, abs, [-1, -2, -3], "scale") == [3, 2, 1]
    asked = mpi(4, "-m", "mpi4py.futures", "-m", "reference")
    assert mapped({"mpi": True}, abs, [-1, -2], "scale") == [1, 2]
    assert asked == [settle, {"unordered": True}]


def test_a_cluster_that_cannot_train_a_cell_is_one_line(dask):
    def failing(_):
        raise Killed("x")

    message = r"^workers at there must live for a cell, got some that died one by one$"
    with pytest.raises(JobError, match=message):
        mapped({"dask": "there"}, failing, command="scale")


@pytest.mark.parametrize(
    ("size", "words", "got"),
    [
        (3, ["-m", "reference"], "got no mpi4py.futures"),
        (1, ["-m", "mpi4py.futures"], "with 2 processes or more, got 1"),
    ],
)
def test_mpi_that_was_not_started_as_it_must_be_says_how(mpi, size, words, got):
    mpi(size, *words)
    with pytest.raises(UsageError, match=r"^mpi must be started as 'mpiexec -n 5 python -m mpi4py\.futures ") as error:
        mapped({"mpi": True})
    assert str(error.value).endswith(got)
