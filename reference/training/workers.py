"""Where the shards of a batch are computed: here, in threads or processes, or where a map-like callable takes them."""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from reference.training.processes import Processes
from reference.training.shared import Parts
from reference.training.threads import Threads

Workers: TypeAlias = int | Threads | Callable[..., Iterable]  # SciPy's convention, and threads
Mapper: TypeAlias = Callable[[Callable, list], list]
MOST = 1024  # processes


def expect_workers(workers: Any) -> None:
    """Raise unless `workers` is a number of processes, -1 for one on each core, Threads, or a map-like callable.

    Raises:
        TypeError: it is neither a whole number nor callable.
        ValueError: the number is below 1 and not -1, or above 1,024.
    """
    if callable(workers) or isinstance(workers, Threads):
        return
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"train: workers must be a whole number or map-like callable, got {type(workers).__name__}")
    if workers < 1 and workers != -1:
        raise ValueError(f"train: workers must be at least 1, or -1 for all cores, got {workers}")
    if workers > MOST:
        got = f"{workers:,}" if workers < 10**9 else "a number of more than nine digits"
        raise ValueError(f"train: workers must be at most {MOST:,}, got {got}")


@contextlib.contextmanager
def mapping(workers: Workers) -> Iterator[Mapper]:
    """Yield `mapper(function, tasks) -> list`, the results in the order of the tasks.

    What all tasks share belongs in the function, which goes to other processes as one buffer.

    Raises:
        TypeError, ValueError: as `expect_workers` does, and where a callable hands back something else than results.
        RunError: processes died again and again, or there is too little shared memory.
    """
    expect_workers(workers)
    if callable(workers):
        yield lambda function, tasks: _collected(
            workers(Packed(Parts.of(function)), list(enumerate(tasks))), len(tasks)
        )
    elif isinstance(workers, Threads):
        with workers.mapping() as mapper:
            yield mapper
    elif workers == 1:
        yield lambda function, tasks: [function(task) for task in tasks]
    else:
        with contextlib.closing(Processes(os.cpu_count() or 1 if workers == -1 else workers)) as processes:
            yield processes.map


@dataclasses.dataclass(frozen=True)
class Done:
    """The result of a task, with the task's number: a map may hand them back in any order."""

    number: int
    value: Any


@dataclasses.dataclass(frozen=True, eq=False)
class Packed:
    """A function of a task, as one of its number and the task, taken apart once however often it goes."""

    parts: Parts

    def __call__(self, numbered: tuple[int, Any]) -> Done:
        number, task = numbered
        with np.errstate(all="ignore"):  # `train` looks at each loss
            return Done(number, self.parts.value()(task))


def _collected(results: Any, count: int) -> list:
    """Return what a map handed back, in the order of the tasks."""
    found = {done.number: done.value for done in arriving(results, count)}
    return [found[number] for number in range(count)]


def arriving(results: Any, count: int) -> Iterator[Done]:
    """Yield what a map hands back, as it comes; what is promised only is waited for.

    Raises:
        TypeError, ValueError: it is something else than the results of so many tasks, each once.
    """
    want = f"train: workers must hand back the results of {count} tasks"
    if not isinstance(results, Iterable):
        raise TypeError(f"{want}, got {type(results).__name__}")
    found: set[int] = set()
    for result in itertools.islice(results, count + 1):
        done = result.result() if callable(getattr(result, "result", None)) else result
        if not isinstance(done, Done):
            raise TypeError(f"{want}, got {type(done).__name__}")
        if done.number in found:
            raise ValueError(f"{want}, got more than one of task {done.number}")
        found.add(done.number)
        yield done
    if len(found) != count:
        raise ValueError(f"{want}, got {len(found)}")
