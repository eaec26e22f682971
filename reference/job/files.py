"""The folder of a run."""

import dataclasses
import re
import tempfile
from pathlib import Path

from reference.core.paths import instead_of_file
from reference.job.errors import JobError
from reference.training.files import drafts, missing, remove_empty

OUT = Path("runs/copy")  # unless the user says otherwise
DATA = Path("runs/data")  # of prepare


@dataclasses.dataclass(frozen=True)
class Folder:
    """Where a run writes, and what."""

    path: Path

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
        for path in self._epochs():
            if path.name <= self.kept(until).name:
                path.unlink()

    def _epochs(self) -> list[Path]:
        found = self.path.iterdir() if self.path.is_dir() else ()
        return [path for path in found if re.fullmatch(r"epoch-[0-9]{5,}\.safetensors", path.name) and path.is_file()]

    def expect_writable(self, *folders: Path) -> None:
        """Try to make the folder and to write in it, and leave it as it was, but for drafts of a run that was killed.

        Raises:
            JobError: one of them cannot be done, or something else than a file has the name of one of the run's, or
                something else than a folder that of one of those `folders`.
        """
        for path in self.files:
            if (got := instead_of_file(path)) is not None:
                raise JobError(f"{path}: must be a file, got {got}")
        for path in folders:
            if path.exists() and not path.is_dir():
                raise JobError(f"{path}: must be a folder, got {instead_of_file(path) or 'a file'}")
        made = missing(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
            for draft in self._drafts():
                draft.unlink()
        except OSError as error:
            raise JobError(f"{self.path}: cannot be written to ({error.strerror})") from None
        finally:
            remove_empty(made)

    def _drafts(self) -> list[Path]:
        """Return what `write` left here of the files of a run when it was killed."""
        return drafts(self.path, [*(re.escape(path.name) for path in self.files), r"epoch-[0-9]+\.safetensors"])

    def clear(self) -> None:
        """Remove what an earlier run left beside its checkpoint: beside that of another it would tell a wrong story."""
        for path in (*self.files, *self._epochs()):
            if path != self.checkpoint:
                path.unlink(missing_ok=True)
