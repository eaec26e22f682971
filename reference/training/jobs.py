"""Whole jobs that know nothing of each other, each result as soon as it is there."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from reference.training.processes import Processes
from reference.training.shared import Parts
from reference.training.threads import Threads
from reference.training.workers import Packed, Workers, arriving, expect_workers

Spread: TypeAlias = Callable[[Callable[[Any], Any], list], Iterator[tuple[int, Any]]]


@contextlib.contextmanager
def jobs(workers: Workers) -> Iterator[Spread]:
    """Yield `spread(function, tasks)`, which yields the number of each task with its result, in any order.

    `workers` is as for `train`, but no threads; a map-like callable that yields its results one by one shows them one
    by one.

    Raises:
        TypeError: workers are threads, which whole jobs would slow down by turns of Python's lock.
        TypeError, ValueError, RunError: as `mapping` does.
    """
    expect_workers(workers)
    if isinstance(workers, Threads):
        raise TypeError("jobs: workers must be a whole number or map-like callable, got Threads")
    if callable(workers):
        yield lambda function, tasks: (
            (done.number, done.value)
            for done in arriving(workers(Packed(Parts.of(function)), list(enumerate(tasks))), len(tasks))
        )
    elif workers == 1:
        yield lambda function, tasks: ((number, function(task)) for number, task in enumerate(tasks))
    else:
        with contextlib.closing(Processes(os.cpu_count() or 1 if workers == -1 else workers)) as processes:
            yield processes.each
