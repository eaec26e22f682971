"""Where a run's shards are computed, by what the command line says: here, in processes, on Dask, or by MPI."""

import contextlib
import importlib
import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from reference.job.errors import JobError, UsageError
from reference.training.process import settle
from reference.training.workers import Workers, expect_workers

PATIENCE = 10  # seconds for a cluster to answer, and again for a worker of it
FUTURES = "mpi4py.futures"
STARTED = f"mpiexec -n 5 python -m {FUTURES} -m reference train --mpi"


@contextlib.contextmanager
def workers(given: Mapping[str, Any]) -> Iterator[Workers]:
    """Yield what `train` takes as its workers, of the options "workers", "dask" and "mpi".

    Raises:
        JobError: there is no such cluster, or it cannot go on.
        UsageError: a number makes no sense, or MPI was not started as it must be.
    """
    if "dask" in given:
        with _dask(given["dask"]) as mapper:
            yield mapper
    elif "mpi" in given:
        with _mpi() as mapper:
            yield mapper
    else:
        count = given.get("workers", 1)
        try:
            expect_workers(count)
        except ValueError as error:
            raise UsageError(str(error).partition(": ")[2]) from None
        yield count


@contextlib.contextmanager
def _dask(address: str) -> Iterator[Callable]:
    distributed = importlib.import_module("distributed")
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they warn of is said below, in one line
    try:
        client = distributed.Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise JobError(f"dask must be the address of a scheduler, got {address!r} ({_brief(error)})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise JobError(f"the cluster at {address} must have workers, got none in {PATIENCE} seconds") from None

        def mapper(function: Callable, tasks: Iterable) -> list:
            try:
                sent = client.submit(_same, function, pure=False)  # goes to each worker once, and again to a new one
                return client.gather(client.map(_called, list(tasks), function=sent, pure=False))
            except distributed.KilledWorker:
                raise JobError(f"workers at {address} must live for a step, got some that died one by one") from None
            except Exception as error:
                raise JobError(f"the cluster at {address} must compute a step, got {_brief(error)}") from None

        yield mapper


@contextlib.contextmanager
def _mpi() -> Iterator[Callable]:
    if FUTURES not in sys.orig_argv:
        raise UsageError(f"mpi must be started as '{STARTED}', got no {FUTURES}")
    if (size := importlib.import_module("mpi4py.MPI").COMM_WORLD.size) < 2:
        raise UsageError(f"mpi must be started as '{STARTED}', with 2 processes or more, got {size}")
    with importlib.import_module(FUTURES).MPIPoolExecutor(initializer=settle) as pool:

        def mapper(function: Callable, tasks: list) -> Iterable:
            each = math.ceil(len(tasks) / pool.num_workers)
            return pool.map(function, tasks, chunksize=each)  # a function goes with each chunk

        yield mapper


def _same(value: Any) -> Any:
    return value


def _called(task: Any, function: Callable) -> Any:
    return function(task)


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:160]}"
