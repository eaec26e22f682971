"""Settings of a process, made by a command and in workers and never on import, and Ctrl-C put off."""

import contextlib
import ctypes
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")
MALLOPT = {  # numbers of glibc's malloc.h
    "M_TRIM_THRESHOLD": (-1, 2**30),
    "M_MMAP_THRESHOLD": (-3, 2**30),
    "M_ARENA_MAX": (-8, 1),  # memory of a thread's own ends at 64 MB, and what is beyond would be given back
}


def settle() -> None:
    """Give BLAS one thread, unless the user says otherwise, and keep freed memory; before NumPy is imported.

    Pictures are drawn into files only, whatever window the environment names, and a character that the
    terminal has not is shown by its number.

    The matrices of the copy task are too small to share, and a product that is split among
    threads is rounded by their number: one seed would give other bits on another machine.
    Arrays of the same few sizes come and go at every step: a fifth of the time went into
    giving their pages back to the system and getting them again.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
    os.environ["MPLBACKEND"] = "agg"  # matplotlib refuses to load with one that is not there
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
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
    Python handles signals in the main thread only: elsewhere there is nothing to put off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
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
