"""What a field of a layer, or an argument of what makes one, may hold: its annotation says it, and is read here.

`Annotated[float, "a share", expect]` holds a number, which errors call a share, of which
`expect(where, name, number)` approves; words and approval may be left out.
"""

import dataclasses
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import DTypeLike

from reference.core.arrays import as_python, is_array
from reference.core.shapes import (
    expect_above_zero,
    expect_choice,
    expect_dtype,
    expect_finite,
    expect_floating,
    expect_nonnegative,
    expect_positive,
    expect_shape,
    expect_share,
    expect_size,
    expect_unit,
    got,
    is_number,
    is_whole,
)

Expect: TypeAlias = Callable[[str, str, Any], None]

Count: TypeAlias = Annotated[int, expect_positive]  # at least 1
Size: TypeAlias = Annotated[int, expect_size]  # of an axis, or a number of layers: at least 1
Share: TypeAlias = Annotated[float, expect_share]  # in [0, 1)
Unit: TypeAlias = Annotated[float, expect_unit]  # in [0, 1]
Finite: TypeAlias = Annotated[float, expect_finite]
Nonnegative: TypeAlias = Annotated[float, expect_nonnegative]  # and finite
AboveZero: TypeAlias = Annotated[float, expect_above_zero]  # and finite


def shaped(*letters: str) -> Expect:
    """Return the approval of an array that has these axes."""
    return lambda where, name, value: expect_shape(where, name, value, letters)


@dataclasses.dataclass(frozen=True)
class Kind:
    """Values of one type, and what is asked of one besides."""

    says: str  # what must be: "a Linear"
    holds: Callable[[Any], bool]
    expect: Expect | None = None

    def check(self, where: str, name: str, value: Any) -> None:
        """Raise unless `value` is of this kind.

        Raises:
            TypeError: it is of another type.
            ValueError: it is out of range.
        """
        if not self.holds(value):
            raise TypeError(f"{where}: {name} must be {self.says}, got {got(value)}")
        if self.expect is not None:
            self.expect(where, name, value)


PLAIN = {
    np.ndarray: Kind("a floating array", is_array, expect_floating),
    bool: Kind("True or False", lambda value: isinstance(value, bool | np.bool)),
    int: Kind("a whole number", is_whole),
    float: Kind("a number", is_number),
    str: Kind("a string", lambda value: isinstance(value, str)),
    np.random.Generator: Kind("a numpy.random.Generator", lambda value: isinstance(value, np.random.Generator)),
    type(None): Kind("None", lambda value: value is None),
}


def kind_of(annotation: Any) -> Kind | None:
    """Return the kind that `annotation` means, None where it says nothing that could be checked, as Any does."""
    if annotation == DTypeLike:
        return Kind("a dtype", lambda _: True, lambda where, _, dtype: expect_dtype(where, dtype))
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _approved(kind_of(args[0]), args[1:])
    if origin in (Union, types.UnionType):
        return _either([kind_of(arg) for arg in args])
    if origin is tuple and args[1:] == (...,):
        return _tuple_of(kind_of(args[0]))
    if origin is Literal:
        return Kind("", lambda _: True, lambda where, name, value: expect_choice(where, name, value, args))
    if origin is type:
        return _subclass_of(args[0])
    if origin is Callable:
        return Kind("callable", callable)
    if annotation is Any or not isinstance(annotation, type):
        return None
    return PLAIN.get(annotation) or Kind(_a(annotation), lambda value: isinstance(value, annotation))


def _approved(kind: Kind | None, metadata: tuple[Any, ...]) -> Kind | None:
    """Return the kind with the words and the approval that the metadata of its annotation give."""
    if kind is None:
        return None
    says = next((entry for entry in metadata if isinstance(entry, str)), kind.says)
    expects: list[Expect] = [entry for entry in metadata if callable(entry)]
    return Kind(says, kind.holds, *expects)


def _either(kinds: list[Kind | None]) -> Kind | None:
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None

    def expect(where: str, name: str, value: Any) -> None:
        next(kind for kind in known if kind.holds(value)).check(where, name, value)

    says = " or ".join(kind.says for kind in known)
    return Kind(says, lambda value: any(kind.holds(value) for kind in known), expect)


def _tuple_of(kind: Kind | None) -> Kind:
    def expect(where: str, name: str, values: Any) -> None:
        for i, value in enumerate(values):
            if kind is not None:
                kind.check(where, f"{name}[{i}]", value)

    return Kind("a tuple", lambda value: isinstance(value, tuple), expect)


def _subclass_of(parent: type) -> Kind:
    return Kind(f"the class {parent.__name__}", lambda value: isinstance(value, type) and issubclass(value, parent))


def _a(kind: type) -> str:
    name = "layer" if kind.__name__ == "Layer" else kind.__name__
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def expect_fields(layer: Any, written: Callable[[str], str] = str) -> None:
    """Raise unless every field of a dataclass holds what its annotation says; it is named as it is `written`.

    A number of NumPy's becomes one of Python's, which leaves arrays the dtype that they have.

    Raises:
        TypeError: a field is of another type.
        ValueError: a number of a field is out of range.
    """
    cls: Any = type(layer)
    for name, kind in _fields(cls):
        value = getattr(layer, name)
        kind.check(cls.__name__, written(name), value)
        if type(value) is tuple or isinstance(value, np.generic):
            object.__setattr__(layer, name, as_python(value))


@functools.cache  # annotations are read once for each class, not for each layer
def _fields(cls: Any) -> tuple[tuple[str, Kind], ...]:
    names = {field.name for field in dataclasses.fields(cls)}
    return tuple((name, kind) for name, kind in _kinds(cls) if name in names)


def _kinds(annotated: Any) -> Iterator[tuple[str, Kind]]:
    try:
        hints = get_type_hints(annotated, include_extras=True)
    except NameError:  # written as a string, of a name that is known elsewhere only: it says nothing here
        hints = dict(annotated.__annotations__)
    for name, annotation in hints.items():
        if (kind := kind_of(annotation)) is not None:
            yield name, kind


def checked(make: Callable) -> Callable:
    """Return the classmethod `make(cls, ...)` with its arguments checked before it begins, so before it draws."""
    signature = inspect.signature(make)

    @functools.cache  # not before the first call: an annotation may name a class that is still being made
    def kinds() -> dict[str, Kind]:
        found = dict(_kinds(make))
        return {name: kind for name, kind in found.items() if name in signature.parameters}

    @functools.wraps(make)
    def made(cls: Any, *args: Any, **options: Any) -> Any:
        try:
            given = signature.bind(cls, *args, **options)
        except TypeError:
            return make(cls, *args, **options)  # which says what is missing
        for name, kind in kinds().items():
            if name in given.arguments:
                kind.check(f"{cls.__name__}.{make.__name__}", name, given.arguments[name])
                given.arguments[name] = as_python(given.arguments[name])
        return make(*given.args, **given.kwargs)

    return made
