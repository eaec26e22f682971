"""What a layer must take to stand in a field of another one: said where that is made, and not by a call that fails."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from reference.core.layer import Layer
from reference.core.shapes import got


@functools.cache  # a signature is read once for each class
def _inputs(kind: Any) -> tuple[int, float, tuple[str, ...], bool]:
    """Return how many inputs a layer must have and may have, which constants it must, and whether it may draw."""
    _, *parameters = inspect.signature(kind.vjp).parameters.values()
    inputs = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    most = float("inf") if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(inputs)
    required = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty)
    draws = any(p.name == "rng" or p.kind is p.VAR_KEYWORD for p in parameters)
    return sum(p.default is p.empty for p in inputs), most, required, draws


def _role(must: str, fits: Callable[[int, float, bool], bool]) -> Callable[[str, str, Any], None]:
    def expect(where: str, name: str, layer: Any) -> None:
        kind: Any = type(layer)
        least, most, required, draws = _inputs(kind)
        if required or not fits(least, most, draws):
            raise TypeError(f"{where}: {name} must be a layer {must}, got {got(layer)}")

    return expect


OfArrays: TypeAlias = Annotated[Layer, _role("that maps an array x", lambda _, most, __: most >= 1)]
OfOne: TypeAlias = Annotated[Layer, _role("that maps one array x", lambda least, most, _: least <= 1 <= most)]
Drop: TypeAlias = Annotated[
    Layer, _role("that maps one array x and takes an rng", lambda least, most, draws: least <= 1 <= most and draws)
]
