"""What a function asks of NumPy, call by call, as far as the shapes of its arrays decide it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LINES = 20_000  # a step of so many calls is no faster for having been noted, and its code takes a second to compile


class RefusedError(Exception):
    """An answer that may be another one for other numbers, and so cannot be written down."""


class MissedError(Exception):
    """An answer that is another one than when the tape was written."""


@dataclass(frozen=True)
class Name:
    """An array that a tape knows, by its number."""

    number: int


@dataclass(frozen=True)
class Method:
    """A method of arrays, and of numbers that have it too."""

    name: str

    def __call__(self, array: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(array, self.name)(*args, **kwargs)


@dataclass(frozen=True)
class Line:
    """A call, with names in place of the arrays that are known."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    made: tuple[Name, ...] = ()  # what it returns
    is_row: bool = False         # that is a tuple or a list, and no bare array
    written: Name | None = None  # what it writes to
    is_guard: bool = False       # it returns nothing, or raises

    def names(self) -> list[Name]:
        """Return the names of the arrays that are given to the call."""
        return list(names_in((self.args, tuple(self.kwargs.values()))))


@dataclass(frozen=True)
class Kind:
    """What is known of an array before there is one."""

    shape: tuple[int, ...]
    dtype: np.dtype
    strides: tuple[int, ...]
    owner: Name | None  # of the memory: an array that was given or made; None where it is that of a constant
    offset: int         # in that memory
    is_number: bool     # one of NumPy's, and no array without axes

    def layout(self) -> tuple[Any, ...]:
        return self.shape, self.dtype, self.strides, self.is_number


@dataclass(eq=False)
class Tape:
    """Lines in their order, and the kinds of all arrays by their numbers."""

    lines: list[Line] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    given: list[Name] = field(default_factory=list)
    places: dict[Name, int] = field(default_factory=dict)  # where the memory of an owner begins

    def give(self, array: np.ndarray) -> Name:
        """Return the name of an array that is there before the first line."""
        self.given.append(name := self.name(array, []))
        return name

    def name(self, array: Any, among: list[tuple[Name | None, np.ndarray]]) -> Name:
        """Return a name for an array or number, which may lie in the memory of one of those it was made of.

        Raises:
            RefusedError: it lies in that of several.
        """
        name, is_number = Name(len(self.kinds)), not isinstance(array, np.ndarray)
        owners = set() if is_number else {owner for owner, other in among if np.may_share_memory(array, other)}
        if len(owners) > 1:
            raise RefusedError("an array must lie in the memory of one other, got several")
        owner = owners.pop() if owners else name
        place = 0 if is_number else array.ctypes.data
        if owner == name:
            self.places[name] = place
        offset = 0 if owner is None else place - self.places[owner]
        self.kinds.append(Kind(array.shape, array.dtype, getattr(array, "strides", ()), owner, offset, is_number))
        return name

    def write(self, line: Line) -> None:
        """Write a line down.

        Raises:
            RefusedError: there are too many.
        """
        if len(self.lines) == LINES:
            raise RefusedError(f"calls must be at most {LINES:,}, got more")
        self.lines.append(line)

    def kind(self, name: Name) -> Kind:
        return self.kinds[name.number]


def names_in(value: Any) -> Iterator[Name]:
    if isinstance(value, Name):
        yield value
    elif type(value) in (tuple, list):
        for entry in value:
            yield from names_in(entry)


def expect_truth(value: Any, was: bool) -> None:
    """Raise MissedError unless the truth of a number is what it was."""
    if bool(value) is not was:
        raise MissedError


def expect_shape(array: Any, was: tuple[int, ...]) -> None:
    """Raise MissedError unless the shape of an array is what it was."""
    if array.shape != was:
        raise MissedError
