"""What is known of an object that never changes, as long as it lives: kept outside of it, by who it is.

So no field, copy or pickle carries it along, and a copy is not taken for the object.
"""

import weakref
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Known(Generic[T]):
    """Facts, one of each object; a fact must not hold on to its object."""

    def __init__(self) -> None:
        self._facts: dict[int, tuple[weakref.ref, T]] = {}

    def __len__(self) -> int:
        return len(self._facts)

    def keep(self, of: Any, fact: T) -> None:
        """Remember a fact until the object is gone."""
        key, facts = id(of), self._facts
        facts[key] = weakref.ref(of, lambda _: facts.pop(key, None)), fact

    def get(self, of: Any) -> T | None:
        """Return what is known of this object and no other, None where that is nothing."""
        known = self._facts.get(id(of))
        return known[1] if known is not None and known[0]() is of else None
