"""Outputs that carry more than y: a layer may return (y, *auxiliary), and what surrounds it passes the rest on."""

from typing import Any


def width_of(layer: Any) -> int | None:
    """Return the length of the last axis of y where the layer says it, as `width_out`; None where it does not."""
    return getattr(layer, "width_out", None)


def expect_alone(where: str, name: str, y: Any) -> None:
    """Raise if the sub-layer `name` returned more than y: what it says beside would be taken for another's."""
    if isinstance(y, tuple):
        raise TypeError(f"{where}: {name} must return one array, got {len(y)} outputs")


def split(y: Any) -> tuple[Any, tuple]:
    """Return y and what stands beside it: nothing where y is no tuple."""
    return (y[0], y[1:]) if isinstance(y, tuple) else (y, ())


def join(y: Any, auxiliary: tuple) -> Any:
    """Return (y, *auxiliary), or y alone where nothing stands beside it: the inverse of `split`."""
    return (y, *auxiliary) if auxiliary else y
