"""Values between the processes of one program: arrays in shared memory on one machine, the rest as bytes.

It is what multiprocessing, Dask and MPI do with what they are given, but once for all tasks; nothing of it is a file.
"""

import dataclasses
import functools
import itertools
import pickle
import shutil
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, Self

import numpy as np

from reference.training.errors import RunError

ALIGNED = 64  # bytes: arrays begin where vectors are read in one piece
PLACE = Path("/dev/shm")  # where Linux keeps shared memory; writing more than there is room for would end the process


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """A value as the bytes of its arrays, and all else as bytes."""

    rest: bytes
    arrays: list[np.ndarray]

    @classmethod
    def of(cls, value: Any) -> Self:
        found: list[pickle.PickleBuffer] = []
        rest = pickle.dumps(value, protocol=5, buffer_callback=found.append)
        return cls(rest, [np.frombuffer(buffer.raw(), np.uint8) for buffer in found])

    def value(self) -> Any:
        """Return the value, whose arrays are these bytes."""
        return pickle.loads(self.rest, buffers=self.arrays)

    @property
    def places(self) -> list[int]:
        """Where each array begins, and at last how much room they take."""
        sizes = (-(-array.size // ALIGNED) * ALIGNED for array in self.arrays)
        return list(itertools.accumulate(sizes, initial=0))


@dataclasses.dataclass(frozen=True)
class Sent:
    """What a process reads a value from: the name of the memory, where each array stands in it, and all else."""

    name: str
    spans: tuple[tuple[int, int], ...]
    rest: bytes

    def value(self) -> Any:
        """Return the value, with arrays of its own: parts of one copy, which is made faster than one of each."""
        if not self.spans:
            return Parts(self.rest, []).value()
        start, stop = self.spans[0][0], self.spans[-1][1]
        there = _bytes(_opened(self.name))[start:stop].copy()
        return Parts(self.rest, [there[first - start : last - start] for first, last in self.spans]).value()


@dataclasses.dataclass(frozen=True)
class Room:
    """A part of shared memory in which one value stands at a time."""

    name: str
    first: int
    size: int

    def put(self, parts: Parts) -> Sent:
        """Write a value in the place of the one before, which nobody may be reading any more.

        One that is too large for the room stands in no memory, and goes as bytes.
        """
        places = [self.first + place for place in parts.places]
        if places[-1] > self.first + self.size:
            return Sent(self.name, (), pickle.dumps(parts.value(), protocol=5))
        spans = tuple((place, place + array.size) for place, array in zip(places, parts.arrays, strict=False))
        there = _bytes(_opened(self.name))
        for (first, last), array in zip(spans, parts.arrays, strict=True):
            there[first:last] = array
        return Sent(self.name, spans, parts.rest)


class Shared:
    """The shared memory of a process and of those that it starts."""

    def __init__(self) -> None:
        self._memory: SharedMemory | None = None

    def rooms(self, count: int, size: int) -> list[Room]:
        """Return so many rooms of that size; they take the place of those before.

        Raises:
            RunError: there is not that much shared memory.
        """
        memory = self._of(max(count * size, 1))
        return [Room(memory.name, place * size, size) for place in range(count)]

    def close(self) -> None:
        """Give the memory back; what was put there can be read no longer."""
        if self._memory is not None:
            _opened.cache_clear()
            self._memory.close()
            self._memory.unlink()
            self._memory = None

    def _of(self, size: int) -> SharedMemory:
        if self._memory is None or self._memory.size < size:
            self.close()
            if PLACE.is_dir() and (free := shutil.disk_usage(PLACE).free) < size:
                raise RunError(f"shared memory must have room for the weights, {size:,} bytes, got {free:,} bytes")
            self._memory = SharedMemory(create=True, size=size)
        return self._memory


@functools.lru_cache(maxsize=1)
def _opened(name: str) -> SharedMemory:
    return SharedMemory(name)


def _bytes(memory: SharedMemory) -> np.ndarray:
    return np.ndarray((memory.size,), np.uint8, memory.buf)
