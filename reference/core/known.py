"""What is known of an object that never changes, as long as it lives: kept outside of it, by who it is.

So no field, copy or pickle carries it along, and a copy is not taken for the object.
"""

import weakref
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Reference(weakref.ref):
    """Of an object, with its key, which nobody could ask it for once it is gone."""

    __slots__ = ("key",)

    key: int


class Known(Generic[T]):
    """Facts, one of each object; a fact must not hold on to its object."""

    def __init__(self) -> None:
        self._facts: dict[int, tuple[_Reference, T]] = {}
        self._gone: list[Any] = []  # references to objects that are gone

    def __len__(self) -> int:
        self._forget()
        return len(self._facts)

    def keep(self, of: Any, fact: T) -> None:
        """Remember a fact until the object is gone."""
        if self._gone:
            self._forget()
        reference = _Reference(of, self._gone.append)  # in Python a Ctrl-C that comes then would be lost
        reference.key = id(of)
        self._facts[reference.key] = reference, fact

    def get(self, of: Any) -> T | None:
        """Return what is known of this object and no other, None where that is nothing."""
        if self._gone:
            self._forget()
        known = self._facts.get(id(of))
        return known[1] if known is not None and known[0]() is of else None

    def _forget(self) -> None:
        while self._gone:
            try:
                reference = self._gone.pop()
                if self._facts[reference.key][0] is reference:
                    del self._facts[reference.key]
            except (IndexError, KeyError):
                continue  # another thread was faster
