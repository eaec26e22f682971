"""How often the loops of a call go round: one that ends by its numbers does so more or less often elsewhere.

A loop in compiled code is seen by what it calls: a solver asks for the user's function again and again.
"""

import dis
import functools
import inspect
import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

# How often each line was run to which a loop jumps back, and how often each called back.
Rounds: TypeAlias = Counter[tuple[CodeType, int]]

LIBRARIES = {"gradcheck", "jax", "numpy", "torch"}  # whose loops depend on what they remember
LINES, TIMES = 10_000, 16  # that a call may run, and times those of another: elsewhere a loop may never meet its end


class Run(NamedTuple):
    """What a call returned, and what it ran outside of libraries."""

    value: Any
    rounds: Rounds
    lines: int

    def is_other(self, run: "Run", again: "Run") -> bool:
        """Whether a loop that goes round as often `again` does not in another run."""
        return any(self.rounds[line] == again.rounds[line] != run.rounds[line] for line in self.rounds)


class TooMany(Exception):
    """A call that runs more lines than it may is broken off there."""


def run(call: Callable[[], Any], beside: Run | None = None) -> Run:
    """Make a call, and count; it may run as many lines as one `beside` it lets expect.

    What traces lines already, such as a debugger, is back afterwards.

    Raises:
        TooMany: it ran more; the call itself may have caught that, and returned something.
    """
    rounds: Rounds = Counter()
    calls: dict[FrameType, int] = {}  # the instruction by which each frame made its last call on the line that it runs
    most, count = np.inf if beside is None else LINES + TIMES * beside.lines, 0

    def traced(frame: FrameType, event: str, _: Any) -> Callable | None:
        nonlocal count
        if _is_library(frame):
            return None
        if event == "call" and not frame.f_code.co_flags & inspect.CO_GENERATOR:
            caller = frame.f_back
            if caller is not None and not _is_library(caller):
                if calls.get(caller) == caller.f_lasti:
                    rounds[caller.f_code, caller.f_lineno] += 1
                calls[caller] = caller.f_lasti
        calls.pop(frame, None)
        if event == "line":
            count += 1
            if frame.f_lineno in _starts(frame.f_code):
                rounds[frame.f_code, frame.f_lineno] += 1
            if count > most:
                raise TooMany
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        value = call()
    finally:
        sys.settrace(before)
    if count > most:
        raise TooMany
    return Run(value, rounds, count)


def _is_library(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES


@functools.lru_cache(maxsize=1024)
def _starts(code: CodeType) -> frozenset[int]:
    """Return the lines of a function to which a loop jumps back."""
    jumps = [i.argval for i in dis.get_instructions(code) if "JUMP_BACKWARD" in i.opname]
    lines = ((line, range(start, stop)) for start, stop, line in code.co_lines() if line is not None)
    return frozenset(line for line, offsets in lines if any(jump in offsets for jump in jumps))
