"""A grid under way: a line for each cell that is done, and the time that the others take at the pace so far."""

import time
from typing import Any, Self

from rich.console import Console

from reference.job.boards import bar
from reference.job.display import nats
from reference.training.cells import Result
from reference.training.grid import Cell


class GridBoard:
    """Time is told by flops: a cell of twice the flops is taken to last twice as long."""

    def __init__(self, console: Console, cells: list[Cell], done: int) -> None:
        self._console, self._count, self._done = console, len(cells) + done, done
        self._flops, self._all = 0, sum(cell.flops for cell in cells)
        self._bar, self._began = bar(console), time.monotonic()
        self._task = self._bar.add_task("cells", total=self._count, completed=done, now="")

    def __enter__(self) -> Self:
        if self._done:
            self._console.print(f"{self._done:,} of {self._count:,} cells are done already")
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def cell(self, cell: Cell, result: Result) -> None:
        self._done, self._flops = self._done + 1, self._flops + cell.flops
        said = "diverged" if result.loss is None else f"loss {nats(result.loss)}"
        left = self._left()
        self._console.print(f"{self._done:>4}/{self._count:,}  {cell.place:<32}{said:<16}{left}".rstrip())
        self._bar.update(self._task, completed=self._done, now=left)

    def _left(self) -> str:
        seconds = (time.monotonic() - self._began) / self._flops * (self._all - self._flops)
        return f"about {duration(seconds)} left" if self._done < self._count else ""


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
