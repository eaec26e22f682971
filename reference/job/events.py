"""The records of a run as event files, which TensorBoard shows while it trains."""

import contextlib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reference.training.errors import WriteError

OURS = ".backproof_run"  # ends the names of our files; others end in a host, which has no underscore, or a number


def written_to(folder: Path) -> list[Path]:
    """Return the event files of ours in a folder, which are written anew."""
    return list(folder.glob(f"events.out.tfevents.*{OURS}"))


class Events:
    """Writes each record at its step; what a run wrote to the folder before is written anew."""

    def __init__(self, folder: Path, records: Iterable[Mapping[str, Any]]) -> None:
        self._folder = folder
        with self._told():
            for old in written_to(folder):
                old.unlink()
            writer = importlib.import_module("tensorboardX").SummaryWriter
            self._writer = writer(str(folder), filename_suffix=OURS)
        for record in records:
            self.add(record)

    def add(self, record: Mapping[str, Any]) -> None:
        with self._told():
            for name, value in record.items():
                add = self._writer.add_text if isinstance(value, str) else self._writer.add_scalar
                if name not in ("epoch", "step"):
                    add(name, value, int(record["step"]), walltime=0.0)
            self._writer.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WriteError(f"{self._folder}: cannot be written ({error.strerror})") from None
