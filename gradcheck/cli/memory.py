"""Whether what was asked for fits this machine, before it is made."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gradcheck.cli.errors import UsageError
from gradcheck.cli.values import Array

COPIES = 8  # of the inputs, that a check holds at a time, at the least
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


def fits(arrays: Iterable[Array]) -> None:
    """Find out whether arrays can be drawn and checked.

    Raises:
        UsageError: they need more memory than there is.
    """
    arrays = list(arrays)
    need, there = COPIES * sum(a.nbytes for a in arrays), min(_limits(), default=2**63)
    if need > there:
        largest = max(arrays, key=lambda a: a.nbytes)
        text = f"--input {largest.name}={','.join(map(str, largest.shape))} must fit into memory"
        raise UsageError(f"{text}, got {_size(need)} for a check of all inputs where there are {_size(there)}")


def _limits() -> Iterator[int]:
    """Yield what the machine has, and what its container and its user may have of that."""
    with contextlib.suppress(AttributeError, ValueError, OSError):  # as on Windows
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(ImportError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            yield soft
    for path in LIMITS:
        with contextlib.suppress(OSError, ValueError):  # there is none, or the word "max"
            yield int(Path(path).read_text(encoding="ascii"))


def _size(count: int) -> str:
    units = ("bytes", "KiB", "MiB", "GiB", "TiB")
    power = min(max(count.bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{count / 1024**power:,.3g} {units[power]}" if power < len(units) - 1 else f"{count // 1024**4:,} TiB"
