"""The folder of a run."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from reference.job.events import written_to
from reference.job.written import Written
from reference.training.files import drafts

OUT = Path("runs/copy")  # unless the user says otherwise
DATA = Path("runs/data")  # of prepare


@dataclasses.dataclass(frozen=True)
class Folder(Written):
    """Where a run writes, and what."""

    command: ClassVar[str] = "train"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    @property
    def attention(self) -> Path:
        return self.path / "attention.png"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def events(self) -> Path:
        return self.path / "events"

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    def kept(self, epoch: int) -> Path:
        """Return the checkpoint of an epoch, of which there are as many as the run keeps."""
        return self.path / f"epoch-{epoch:05}.safetensors"

    @property
    def files(self) -> tuple[Path, ...]:
        return self.report, self.curves, self.attention, self.metrics, self.best, self.checkpoint

    def drop(self, until: int) -> None:
        """Remove the checkpoints of epochs up to this one."""
        for path in self.numbered():
            if path.name <= self.kept(until).name:
                path.unlink()

    def numbered(self) -> list[Path]:
        found = self.path.iterdir() if self.path.is_dir() else ()
        return [path for path in found if re.fullmatch(r"epoch-[0-9]{5,}\.safetensors", path.name)]

    def strangers(self, *folders: Path) -> Iterator[Path]:
        """Yield what would be replaced or removed and is no checkpoint; the rest, where no checkpoint says of a run."""
        from reference.training import checkpoint  # which needs safetensors

        weights = [path for path in (self.checkpoint, self.best, *self.numbered()) if path.exists()]
        yield from (path for path in weights if not checkpoint.is_one(path))
        if self.checkpoint not in weights:
            yield from weights
            yield from (path for path in self.files if path.exists())
            yield from (path for folder in folders for path in written_to(folder))

    def _drafts(self) -> list[Path]:
        return [*super()._drafts(), *drafts(self.path, [r"epoch-[0-9]+\.safetensors"])]

    def clear(self) -> None:
        """Remove what an earlier run left beside its checkpoint: beside that of another it would tell a wrong story."""
        for path in (*self.files, *self.numbered()):
            if path != self.checkpoint:
                path.unlink(missing_ok=True)
