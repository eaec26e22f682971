"""Standard streams that are always there: a program without a console has none, and a shell may close them."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def present() -> Iterator[None]:
    """Put a stream that goes nowhere in the place of one that is missing or closed."""
    with contextlib.ExitStack() as stack:
        if not _is_open(sys.stdout):
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(_nowhere())))
        if not _is_open(sys.stderr):
            stack.enter_context(contextlib.redirect_stderr(stack.enter_context(_nowhere())))
        yield


def give_up_stdout() -> None:
    """Let what is still to be written to stdout go nowhere: the end of the program would try once more."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def _is_open(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed
