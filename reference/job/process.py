"""Settings of the process, made by the command and never on import, and the processes that help it."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from reference.job.errors import JobError

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")
MALLOPT = {"M_TRIM_THRESHOLD": (-1, 2**30), "M_MMAP_THRESHOLD": (-3, 2**30)}  # numbers of glibc's malloc.h
MOST = 8  # workers; each of them loads NumPy and SciPy


def settle() -> None:
    """Give BLAS one thread, unless the user says otherwise, and keep freed memory; before NumPy is imported.

    The matrices of the copy task are too small to share, and a product that is split among
    threads is rounded by their number: one seed would give other bits on another machine.
    Arrays of the same few sizes come and go at every step: a fifth of the time went into
    giving their pages back to the system and getting them again.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in MALLOPT.values():
            mallopt(option, value)


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Let no Ctrl-C break off what is done within, because one before has asked for it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Put Ctrl-C off until what is done within is done; processes that are started within never hear one.

    They inherit the mask.  It alone would not do: the signal can come to another thread, that of the bar.
    """
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def workers() -> Iterator[Callable]:
    """Yield a `map` that shares its work out among processes, one for each core; an error within ends them.

    Raises:
        JobError: one of them died, for want of memory say.
    """
    count = min(os.cpu_count() or 1, MOST)
    context = multiprocessing.get_context("spawn")  # a fork would copy the thread that draws the bar
    others = multiprocessing.active_children()
    ignore = signal.signal, (signal.SIGINT, signal.SIG_IGN)  # for systems on which no mask is inherited
    with ProcessPoolExecutor(count, context, *ignore) as pool:

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
