"""A progress bar for checks that take long, in a terminal, if tqdm is installed."""

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
DELAY = 2.0  # seconds before a bar appears: most checks are over by then


def shown(items: Iterable[Item], total: int) -> Iterator[Item]:
    """Pass `items` on, and draw on the terminal how many of `total` have come."""
    if total < 2 or not _on_a_terminal() or importlib.util.find_spec("tqdm") is None:
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, "gradcheck", total, leave=False, delay=DELAY, unit="probe", dynamic_ncols=True)


def _on_a_terminal() -> bool:
    """Whether stderr is one: a program without a console has none, and a service may have closed it."""
    return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()
