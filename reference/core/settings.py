"""Settings: values with names, checked where they are made, and the same names wherever they are written down.

A field `end_rate` is `--end-rate` on the command line and "end-rate" in a file and in a checkpoint.
"""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Self, dataclass_transform

from reference.core.kinds import expect_fields
from reference.core.words import cut


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Settings:
    """A frozen dataclass whose fields hold what their annotations say, and fit together as `expect` says."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    def __post_init__(self) -> None:
        expect_fields(self, written)
        self.expect()

    def expect(self) -> None:
        """Raise ValueError unless the values fit together; a subclass has more to ask."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names under which the fields are written down, in order."""
        fields: Any = cls
        return tuple(written(field.name) for field in dataclasses.fields(fields))

    def entries(self) -> dict[str, Any]:
        """Return what `of` takes to make these settings again."""
        return {written(name): value for name, value in vars(self).items()}

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> Self:
        """Return the settings of these names; what is not named has its default, and a list is a tuple.

        Raises:
            TypeError: a value is of another type.
            ValueError: a name is unknown, the nearest known one is given; or a value is out of range.
        """
        expect_known(cls.__name__, entries, cls.names())
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in entries.items()}
        return cls(**{name.replace("-", "_"): value for name, value in values.items()})


def written(field: str) -> str:
    """Return the name under which a field is written down."""
    return field.replace("_", "-")


def expect_known(where: str, names: Iterable[str], known: Iterable[str], what: str = "an entry") -> None:
    """Raise unless all names are known.

    Raises:
        ValueError: one is not; the message gives the nearest that is.
    """
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
            raise ValueError(f"{where}: {what} must be a known one, such as {near[0]}, got {cut(repr(name))}")
