"""Sums of which one term absorbs the other, run as if it did not: s + m moves with s where m is -1e30.

While `Sums` watch, each sum of two arrays is noted in its turn.  Where one term is lost altogether to the roundings of
the other, the sum counts as a number that leaves room for it, and moves as the lost term does.  Where only what
dominates matters, as under a mask, nothing else changes.
"""

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

TINY = 2.0**-1022
Array = Any  # NumPy's or PyTorch's; `library` is the one or the other


class OtherSumsError(Exception):
    """Sums that come in another order, or in other shapes, than those that were noted."""


class Lost(NamedTuple):
    """The entries of one term that the other one absorbs, what they were, and what stands for the sums there."""

    which: int
    entries: Array
    term: Array
    instead: Array


class Sums:
    """What one term of each sum loses, as noted in the first run."""

    def __init__(self) -> None:
        self._noted: list[tuple[tuple[int, ...], list[Lost]]] = []
        self._notes, self._turn = True, 0

    @property
    def lose(self) -> bool:
        return any(lost for _, lost in self._noted)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch one run: the first is noted, and others are held against it."""
        before, self._turn = _NOW.set(self), 0
        try:
            yield
        finally:
            _NOW.reset(before)
            self._notes = False

    def seen(self, library: Any, first: Array, second: Array, total: Array) -> Array:
        """Return a sum of two terms as it would be if neither were lost.

        Raises:
            OtherSumsError: it is not the one that was noted in its turn.
        """
        first, second = (library.broadcast_to(x, total.shape) for x in (first, second))
        if self._notes:
            self._noted.append((tuple(total.shape), _lost(library, (first, second), total)))
        shape, noted = self._noted[self._turn] if self._turn < len(self._noted) else ((-1,), [])
        if shape != tuple(total.shape):
            raise OtherSumsError
        self._turn += 1
        for lost in noted:
            moved = lost.instead + ((first, second)[lost.which] - lost.term)
            total = library.where(lost.entries, moved, total)
        return total


_NOW: ContextVar[Sums | None] = ContextVar("sums", default=None)


def now() -> Sums | None:
    """Return what watches this run."""
    return _NOW.get()


def _lost(library: Any, terms: tuple[Array, Array], total: Array) -> list[Lost]:
    least = -math.log2(max(TINY, float(library.finfo(total.dtype).tiny)))  # exp(-least) is nothing beside 1
    found = []
    for which in (0, 1):
        term, other = terms[which], terms[1 - which]
        entries = (total == other) & (term != 0) & library.isfinite(other)
        if entries.any():
            room = least * max(1.0, float(abs(term[entries]).max()))
            entries = entries & (abs(other) > room)
            large = library.where(entries, other, 1.0)
            found.append(Lost(which, entries, term + 0, large / abs(large) * room))
    return [lost for lost in found if lost.entries.any()]
