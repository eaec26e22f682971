"""Where a run's shards are computed, by what the command line says: here, in threads, processes, on Dask or by MPI."""

import contextlib
import importlib
import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from reference.job.errors import JobError, UsageError
from reference.training.process import settle
from reference.training.threads import Threads
from reference.training.workers import Workers, expect_workers

PATIENCE = 10  # seconds for a cluster to answer, and again for a worker of it
FUTURES = "mpi4py.futures"
STARTED = f"mpiexec -n 5 python -m {FUTURES} -m reference {{}} --mpi"


@contextlib.contextmanager
def workers(given: Mapping[str, Any], command: str = "train") -> Iterator[Workers]:
    """Yield what `train` takes as its workers, of the options "workers", "threads", "dask" and "mpi".

    For the command "scale" a cluster hands results back one by one, in any order.

    Raises:
        JobError: there is no such cluster, or it cannot go on.
        UsageError: a number makes no sense, or MPI was not started as it must be.
    """
    if "threads" in given and len(given) > 1:
        raise UsageError(f"threads must come without {next(name for name in given if name != 'threads')}, got both")
    if "dask" in given:
        with _dask(given["dask"], command) as mapper:
            yield mapper
    elif "mpi" in given:
        with _mpi(command) as mapper:
            yield mapper
    else:
        try:
            threads = given.get("threads", 1)
            count = given.get("workers", 1) if threads == 1 else Threads(threads)
            expect_workers(count)
        except ValueError as error:
            raise UsageError(str(error).partition(": ")[2]) from None
        yield count


@contextlib.contextmanager
def _dask(address: str, command: str) -> Iterator[Callable]:
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

        what = "cell" if command == "scale" else "step"

        @contextlib.contextmanager
        def told() -> Iterator[None]:
            try:
                yield
            except distributed.KilledWorker:
                raise JobError(f"workers at {address} must live for a {what}, got some that died one by one") from None
            except Exception as error:
                raise JobError(f"the cluster at {address} must compute a {what}, got {_brief(error)}") from None

        def futures(function: Callable, tasks: Iterable) -> list:
            sent = client.submit(_same, function, pure=False)  # goes to each worker once, and again to a new one
            return client.map(_called, list(tasks), function=sent, pure=False)

        def together(function: Callable, tasks: Iterable) -> list:
            with told():
                return client.gather(futures(function, tasks))

        def one_by_one(function: Callable, tasks: Iterable) -> Iterator:
            with told():
                for future in distributed.as_completed(futures(function, tasks)):
                    yield future.result()

        yield one_by_one if command == "scale" else together


@contextlib.contextmanager
def _mpi(command: str) -> Iterator[Callable]:
    started = STARTED.format(command)
    if FUTURES not in sys.orig_argv:
        raise UsageError(f"mpi must be started as '{started}', got no {FUTURES}")
    if (size := importlib.import_module("mpi4py.MPI").COMM_WORLD.size) < 2:
        raise UsageError(f"mpi must be started as '{started}', with 2 processes or more, got {size}")
    with importlib.import_module(FUTURES).MPIPoolExecutor(initializer=settle) as pool:

        def mapper(function: Callable, tasks: list) -> Iterable:
            if command == "scale":
                return pool.map(function, tasks, unordered=True)
            each = math.ceil(len(tasks) / pool.num_workers)
            return pool.map(function, tasks, chunksize=each)  # a function goes with each chunk

        yield mapper


def _same(value: Any) -> Any:
    return value


def _called(task: Any, function: Callable) -> Any:
    return function(task)


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:160]}"
