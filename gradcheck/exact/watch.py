"""What happens while a subject runs on balls: the branches that it takes, and the rounded constants that it meets."""

import contextlib
import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import FrameType
from typing import Any

OURS = ("gradcheck", "numpy")
Constant = frozenset[float]  # a number, or all those of an array


@dataclasses.dataclass
class Watch:
    """One run."""

    dual: bool = False  # whether numbers carry a change
    moved: Mapping[float, Any] = dataclasses.field(default_factory=dict)  # what stands for rounded constants
    bounded: bool = False  # whether the first call that gives a number without a bound is told
    decided: Counter[str] = dataclasses.field(default_factory=Counter)  # entries, by the call that decided them
    ties: Counter[str] = dataclasses.field(default_factory=Counter)  # of equal numbers that do not move alike
    straddled: Counter[str] = dataclasses.field(default_factory=Counter)  # of balls that overlap
    constants: dict[Constant, str] = dataclasses.field(default_factory=dict)  # rounded ones, by who names them

    @contextlib.contextmanager
    def on(self) -> Iterator["Watch"]:
        before = _NOW.set(self)
        try:
            yield self
        finally:
            _NOW.reset(before)


_NOW: ContextVar[Watch | None] = ContextVar("watch", default=None)


def now() -> Watch:
    """Return what watches this run; outside of any, something that nobody asks."""
    return _NOW.get() or Watch()


def place() -> str:
    """Return the name of the user's function that is running; of one within another, that of the other."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
        frame = frame.f_back
    if frame is None:
        return "the subject"
    name = frame.f_code.co_qualname.partition(".<locals>")[0]
    return name if name != "<lambda>" else frame.f_globals.get("__name__", "the subject").rpartition(".")[2]
