"""Every module of the mathematics that shows examples of itself: in the catalogue by being there."""

import dataclasses
import importlib
import pkgutil
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

ROOMS = ("functions", "layers", "losses", "models")


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A subject and what it is called with: `subject.vjp(*inputs, **constants)`, or a function's."""

    module: str  # with its room: "layers.linear"
    name: str
    subject: Any
    inputs: tuple
    constants: dict


def modules() -> Iterator[str]:
    """Yield "layers.linear" for each module of the rooms that defines `examples`."""
    for room in ROOMS:
        package = importlib.import_module(f"reference.{room}")
        for found in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
            if hasattr(importlib.import_module(f"reference.{room}.{found}"), "examples"):
                yield f"{room}.{found}"


def examples(seed: int = 0) -> Iterator[Example]:
    """Yield every example of every module, in float64.

    A module's numbers depend on the seed and its own name only: a module more leaves the others as they are.
    """
    for module in modules():
        rng = np.random.default_rng([seed, zlib.crc32(module.encode())])
        for name, subject, inputs, constants in importlib.import_module(f"reference.{module}").examples(rng):
            yield Example(module, name, subject, inputs, constants)
