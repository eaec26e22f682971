"""The folder of a grid: a log of each cell, and what is made of all of them."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from reference.job.written import Written
from reference.training import files
from reference.training.cells import Result
from reference.training.files import drafts
from reference.training.grid import Cell

LOG = r"depth-[0-9]+-data-[0-9]+-[0-9a-f]+\.jsonl"  # of a cell


@dataclasses.dataclass(frozen=True)
class GridFolder(Written):
    """Where a grid writes, and what.  The log of a cell is named after its settings: another grid may share it."""

    command: ClassVar[str] = "scale"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def table(self) -> Path:
        return self.path / "cells.csv"

    @property
    def losses(self) -> Path:
        return self.path / "losses.png"

    @property
    def isoflop(self) -> Path:
        return self.path / "isoflop.png"

    @property
    def files(self) -> tuple[Path, ...]:
        return self.report, self.losses, self.isoflop, self.table

    @property
    def cells(self) -> Path:
        return self.path / "cells"

    def log(self, cell: Cell) -> Path:
        digest = hashlib.sha256(_line(cell.run.entries()).encode()).hexdigest()[:12]
        return self.cells / f"depth-{cell.depth}-data-{cell.data}-{digest}.jsonl"

    def read(self, cell: Cell) -> Result | None:
        """Return what the log of a cell says; None where it is not there, not whole, or of another cell.

        Raises:
            OSError: it cannot be read.
        """
        try:
            lines = [json.loads(line) for line in self.log(cell).read_text(encoding="utf-8").splitlines()]
            head, *records, last = lines
            summary, epochs = last["summary"], cell.run.training.epochs
            result = Result(tuple(records), str(summary.get("diverged", "")))
            whole = head == _head(cell) and (result.diverged or len(records) == epochs)
            return result if whole and summary == _summary(result) and not _bad(result) else None
        except FileNotFoundError:
            return None
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):  # cut short, or of another hand
            return None

    def write(self, cell: Cell, result: Result) -> None:
        """Write the log of a cell that is done: its settings and sizes, its epochs, and last its summary."""
        lines = [_head(cell), *result.records, {"summary": _summary(result)}]
        files.write(self.log(cell), "".join(f"{_line(line)}\n" for line in lines).encode())

    def strangers(self, *_: Path) -> Iterator[Path]:
        """Yield what would be replaced, where no log of a cell says that a grid was here."""
        logs = self.cells.iterdir() if self.cells.is_dir() else ()
        if not any(re.fullmatch(LOG, path.name) for path in logs):
            yield from (path for path in self.files if path.exists())

    def _drafts(self) -> list[Path]:
        return [*super()._drafts(), *drafts(self.cells, [LOG])]


def _head(cell: Cell) -> dict[str, Any]:
    sizes = {"parameters": cell.parameters, "tokens": cell.tokens, "flops": cell.flops}
    return json.loads(_line({"cell": cell.run.entries(), **sizes}))


def _summary(result: Result) -> dict[str, Any]:
    return {"diverged": result.diverged} if result.diverged else {"held_out_loss": result.loss}


def _bad(result: Result) -> bool:
    """Whether a loss is no finite number: JSON of another hand may say NaN."""
    return result.loss is not None and not 0 <= result.loss < float("inf")


def _line(value: Any) -> str:
    return json.dumps(value)
