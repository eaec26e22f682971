"""The processes that help a command."""

import contextlib
import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from reference.job.errors import JobError
from reference.training.process import held

MOST = 8  # workers; each of them loads NumPy and SciPy


@contextlib.contextmanager
def workers(load: str = "") -> Iterator[Callable]:
    """Yield a `map` that shares its work out among processes, one for each core; an error within ends them.

    They `load` a module at once, while this process goes on to what it shares out.

    Raises:
        JobError: one of them died, for want of memory say.
    """
    count = min(os.cpu_count() or 1, MOST)
    context = multiprocessing.get_context("spawn")  # a fork would copy the thread that draws the bar
    others = multiprocessing.active_children()
    ignore = signal.signal, (signal.SIGINT, signal.SIG_IGN)  # for systems on which no mask is inherited
    with ProcessPoolExecutor(count, context, *ignore) as pool:
        if load:
            with held():
                for _ in range(count):
                    pool.submit(_load, load)

        def shared(work: Callable, items: Iterable) -> Iterator:
            with held():
                futures = [pool.submit(work, item) for item in items]
            return (future.result() for future in futures)

        try:
            yield shared
        except BrokenProcessPool:
            raise JobError("a worker process died") from None
        except BaseException:  # Ctrl-C above all
            for child in multiprocessing.active_children():
                if child not in others:
                    child.terminate()
            raise


def _load(module: str) -> None:
    importlib.import_module(module)
