"""Where the work runs: here, in processes, or wherever a map-like callable takes it."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gradcheck.progress import shown


@contextlib.contextmanager
def mapping(workers: int | Callable[..., Iterable]) -> Iterator[Callable[..., list]]:
    """Yield `mapper(function, tasks) -> list`, following SciPy's convention for `workers`.

    A whole number is that many processes (-1: as many as there are cores); a map-like callable,
    such as the `map` of an executor, of a Dask client or of an MPI pool, is used as it is.

    Raises:
        TypeError: `workers` is neither.
        ValueError: it is a number below 1 other than -1.
    """
    if callable(workers):
        yield lambda function, tasks: [_value(result) for result in shown(workers(function, tasks), len(tasks))]
        return
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"gradcheck: workers must be a whole number or map-like callable, got {type(workers).__name__}")
    if workers < 1 and workers != -1:
        raise ValueError(f"gradcheck: workers must be at least 1, or -1 for all cores, got {workers}")
    if workers == 1:
        yield lambda function, tasks: list(shown(map(function, tasks), len(tasks)))
        return
    with multiprocessing.Pool(os.cpu_count() if workers == -1 else workers) as pool:
        yield lambda function, tasks: list(shown(pool.imap(function, tasks), len(tasks)))


def _value(result: Any) -> Any:
    """Return a result that is there already, or wait for one that is promised."""
    return result.result() if callable(getattr(result, "result", None)) else result
