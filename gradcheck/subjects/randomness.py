"""The global random generators of NumPy and of Python: every evaluation draws the same numbers from them."""

import contextlib
import ctypes
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

PROBES = 12  # calls, of every kind, after which a subject that drew nothing is taken for one that never does
MEMORY = 4 * 625  # bytes of a Mersenne twister: its words, and which is next
NOTHING = contextlib.nullcontext()
LOCK = threading.RLock()  # threads share the global generators

States = tuple[Any, Any]


class Draws:
    """What the global generators held when a check began; each call starts from there and leaves them as they were."""

    def __init__(self, start: States | None = None) -> None:
        self.start, self.drawn, self.calls = look() if start is None else start, False, 0
        self._memory = _memory(self.start)
        self._after: States | None = None  # what a call has left, if somebody has looked since

    def replayed(self, start: States | None = None) -> contextlib.AbstractContextManager:
        """Undo what is drawn within; `start` is where to begin, if not where the check began."""
        return self._undone(start) if self._watched else NOTHING

    @property
    def _watched(self) -> bool:
        return self.drawn or self.calls < PROBES  # looking costs as much as a small layer

    @contextlib.contextmanager
    def _undone(self, start: States | None) -> Iterator[None]:
        self.calls += 1
        with LOCK:
            before = self._now() if self.drawn else self.start  # as they are until a call has drawn: looking costs
            self._after = None
            if self.drawn:
                _restore(self.start if start is None else start)
            try:
                yield
            finally:
                self.drawn = self.drawn or not _same(before, self._after or self._now())
                if self.drawn:
                    _restore(before)

    def continuing(self, pullback: Callable) -> Callable:
        """Return the pullback so that it draws what comes after the draws of its forward pass, which end here.

        One that draws its mask anew gets another than the forward pass had, and at each call another.
        """
        if not self._watched:
            return pullback
        here = self._left()

        def pull(dy: Any) -> Any:
            nonlocal here
            if not self._watched:
                return pullback(dy)
            with self.replayed(here):
                try:
                    return pullback(dy)
                finally:
                    here = self._left()

        return pull

    def _left(self) -> States:
        """Return what the generators hold now, at the end of a call, which `_undone` need not look at again."""
        self._after = self._now()
        return self._after

    def _now(self) -> States:
        """Return what the generators hold: what they began with where their memory is as it was."""
        return self.start if self._memory is not None and _memory(self.start) == self._memory else look()


def look() -> States:
    """Return what the generators hold."""
    return np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002


def _memory(start: States) -> tuple[bytes, Any] | None:
    """Return the bytes that any draw would change; None where there are others.

    NumPy takes fifty times as long to tell its state as to show where that lies.  A normal number that it has kept
    of a pair lies elsewhere.
    """
    generator = np.random.mtrand.get_bit_generator()
    if type(generator) is not np.random.MT19937 or not isinstance(start[0], dict) or start[0].get("has_gauss") != 0:
        return None
    return ctypes.string_at(generator.ctypes.state_address, MEMORY), random.getstate()


def _restore(states: States) -> None:
    np.random.set_state(states[0])  # noqa: NPY002
    random.setstate(states[1])


def _same(a: States, b: States) -> bool:
    return a is b or (a[1] == b[1] and _equal(a[0], b[0]))


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b))
