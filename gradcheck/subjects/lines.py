"""Which lines of Python a call runs, and how often: a loop that ends by its numbers has other counts for others."""

import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeAlias

Lines: TypeAlias = Counter[tuple[CodeType, int]]  # how often each line of each function was run

LIBRARIES = {"gradcheck", "jax", "numpy", "torch"}  # whose lines depend on what they remember


class TooMany(Exception):
    """A call that runs more lines than it may is broken off there: elsewhere a loop may never meet its end."""


def lines(call: Callable[[], Any], most: float) -> tuple[Any, Lines]:
    """Return what a call returns, and the lines that it ran outside of libraries.

    What traces lines already, such as a debugger, is back afterwards.

    Raises:
        TooMany: it ran more than `most`; the call itself may have caught that, and returned something.
    """
    found: Lines = Counter()
    room = [most]

    def traced(frame: FrameType, event: str, _: Any) -> Callable | None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES:
            return None
        if event == "line":
            found[frame.f_code, frame.f_lineno] += 1
            room[0] -= 1
            if room[0] < 0:
                raise TooMany
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        value = call()
    finally:
        sys.settrace(before)
    if room[0] < 0:
        raise TooMany
    return value, found
