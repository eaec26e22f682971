"""Where the work runs: here, in processes, or wherever a map-like callable takes it."""

import contextlib
import dataclasses
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gradcheck.workers.progress import shown

MOST = 1024  # processes


@dataclasses.dataclass(frozen=True)
class Done:
    """The result of a task, with the task's number: a map may hand them back in any order."""

    number: int
    value: Any


@dataclasses.dataclass(frozen=True)
class Numbered:
    """A function of a task, as a function of its number and the task."""

    function: Callable

    def __call__(self, numbered: tuple[int, Any]) -> Done:
        number, task = numbered
        return Done(number, self.function(task))


@contextlib.contextmanager
def mapping(workers: int | Callable[..., Iterable]) -> Iterator[Callable[..., list]]:
    """Yield `mapper(function, tasks) -> list`, following SciPy's convention for `workers`.

    A whole number is that many processes (-1: as many as there are cores); a map-like callable,
    such as the `map` of an executor, of a Dask client or of an MPI pool, is used as it is.

    Raises:
        TypeError: `workers` is neither, or hands back something else than results.
        ValueError: it is a number below 1 other than -1, or hands back too few results or too many.
    """
    if callable(workers):
        yield lambda function, tasks: _collected(workers(Numbered(function), list(enumerate(tasks))), len(tasks))
        return
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"gradcheck: workers must be a whole number or map-like callable, got {type(workers).__name__}")
    if workers < 1 and workers != -1:
        raise ValueError(f"gradcheck: workers must be at least 1, or -1 for all cores, got {workers}")
    if workers > MOST:
        got = workers if workers < 10**9 else "a number of more than nine digits"
        raise ValueError(f"gradcheck: workers must be at most {MOST}, got {got}")
    if workers == 1:
        yield lambda function, tasks: list(shown(map(function, tasks), len(tasks)))
        return
    with multiprocessing.Pool(os.cpu_count() if workers == -1 else workers) as pool:
        yield lambda function, tasks: list(shown(pool.imap(function, tasks), len(tasks)))


def _collected(results: Any, count: int) -> list:
    """Return what a map handed back, in the order of the tasks; what is promised only is waited for."""
    want = f"gradcheck: workers must hand back the results of {count} tasks"
    if not isinstance(results, Iterable):
        raise TypeError(f"{want}, got {type(results).__name__}")
    found: dict[int, Any] = {}
    for came, result in enumerate(itertools.islice(shown(results, count), count + 1)):
        done = result.result() if callable(getattr(result, "result", None)) else result
        if not isinstance(done, Done):
            raise TypeError(f"{want}, got {type(done).__name__} as number {came}")
        if came == count or done.number in found:
            raise ValueError(f"{want}, got more than one of task {done.number}")
        found[done.number] = done.value
    if len(found) < count:
        raise ValueError(f"{want}, got {len(found)}")
    return [found[number] for number in range(count)]
