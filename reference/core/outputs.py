"""Outputs that carry more than y: a layer may return (y, *auxiliary), and what surrounds it passes the rest on."""

from typing import Any


def split(y: Any) -> tuple[Any, tuple]:
    """Return y and what stands beside it: nothing where y is no tuple."""
    return (y[0], y[1:]) if isinstance(y, tuple) else (y, ())


def join(y: Any, auxiliary: tuple) -> Any:
    """Return (y, *auxiliary), or y alone where nothing stands beside it: the inverse of `split`."""
    return (y, *auxiliary) if auxiliary else y
