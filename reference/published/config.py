"""What a `config.json` says, asked for by name: one line where it says something that no model can be made of."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

MISSING = object()
LAYERS = 10_000  # far more than anybody publishes: a model of as many is made before its tensors are looked for


class Config:
    """The entries of a config; null is as good as no entry, since published ones write both."""

    def __init__(self, where: str, entries: Mapping[str, Any]) -> None:
        self.where = where
        self.entries = {name: value for name, value in entries.items() if value is not None}
        self.nulls = set(entries) - set(self.entries)

    def size(self, name: str, default: Any = MISSING, *, most: int = 2**31) -> Any:
        """Return a whole number above 0, and of at most `most`."""
        value = self._get(name, default)
        if value is not default and not (type(value) is int and value > 0):
            raise self.wrong(name, "a whole number above 0", value)
        if value is not default and value > most:
            raise self.wrong(name, f"at most {most}", value)
        return value

    def number(self, name: str, default: Any = MISSING, *, below: float = float("inf")) -> Any:
        """Return a number of at least 0, as a float."""
        value = self._get(name, default)
        if type(value) not in (int, float) or not 0 <= value < below or value > sys.float_info.max:
            raise self.wrong(name, f"a number in [0, {below})", value)
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        return bool(self.choice(name, (True, False), default))

    def choice(self, name: str, known: Iterable[Any], default: Any = MISSING) -> Any:
        """Return one of what is known."""
        value, known = self._get(name, default), tuple(known)
        if not any(value is each or (type(value) is type(each) and value == each) for each in known):
            raise self.wrong(name, "one of " + ", ".join(map(repr, known)) if len(known) > 1 else repr(known[0]), value)
        return value

    def part(self, name: str) -> "Config":
        """Return the entries that stand under one name."""
        value = self._get(name, {})
        if not isinstance(value, dict):
            raise self.wrong(name, "an object", value)
        return Config(f"{self.where}: '{name}'", value)

    def wrong(self, name: str, want: str, got: Any) -> ValueError:
        return ValueError(f"{self.where}: '{name}' must be {want}, got {got!r}")

    def is_null(self, name: str) -> bool:
        """Whether the config says that there is none, where to say nothing is another thing."""
        return name in self.nulls

    def _get(self, name: str, default: Any) -> Any:
        value = self.entries.get(name, default)
        if value is MISSING:
            raise ValueError(f"{self.where}: must have an entry '{name}', got none")
        return value
