"""Every module of the mathematics that shows examples of itself: in the catalogue by being there."""

import dataclasses
import difflib
import importlib
import pkgutil
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from reference.core.words import cut
from reference.job.errors import UsageError

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


def find(names: Iterable[str]) -> list[str]:
    """Return the modules of these names, "linear" or "layers.linear", each once and in the order of the catalogue.

    Raises:
        UsageError: there is no module of that name.
    """
    there = list(modules())
    short = {module.partition(".")[2]: module for module in there}
    found = set()
    for name in names:
        module = short.get(name, name)
        if module not in there:
            near = difflib.get_close_matches(name, [*short, *there], n=1, cutoff=0.0)
            must = f"a name must be that of a module with a backward pass, such as {near[0]}"
            raise UsageError(f"{must}, got {cut(repr(name))}")
        found.add(module)
    return [module for module in there if module in found]


def examples(seed: int = 0, names: Iterable[str] = ()) -> Iterator[Example]:
    """Yield every example of every module, or of those of these names, in float64.

    A module's numbers depend on the seed and its own name only: a module more leaves the others as they are.
    """
    for module in find(names) or modules():
        rng = np.random.default_rng([seed, zlib.crc32(module.encode())])
        for name, subject, inputs, constants in importlib.import_module(f"reference.{module}").examples(rng):
            yield Example(module, name, subject, inputs, constants)
