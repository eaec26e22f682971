"""A folder in which a command writes, and what of the user's must not be lost there."""

import dataclasses
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from reference.core.paths import instead_of_file
from reference.job.errors import JobError
from reference.training.files import drafts, missing, remove_empty


@dataclasses.dataclass(frozen=True)
class Written:
    """Where a command writes, and what."""

    path: Path
    command: ClassVar[str]

    @property
    def files(self) -> tuple[Path, ...]:
        """Where its files are to stand."""
        raise NotImplementedError

    def numbered(self) -> list[Path]:
        """Return what there is under those of its names that have a number in them."""
        return []

    def strangers(self, *folders: Path) -> Iterator[Path]:
        """Yield what would be replaced or removed here, or in these folders in it, and was not made by the command."""
        raise NotImplementedError

    def expect_writable(self, *folders: Path) -> None:
        """Try to make the folder and to write in it, and leave it as it was, but for drafts of a run that was killed.

        Raises:
            JobError: one of them cannot be done, or something else than a file has the name of one of its own, or
                something else than a folder that of one of those `folders`; or somebody else made such a file.
        """
        for path in (*self.files, *self.numbered()):
            if (got := instead_of_file(path)) is not None:
                raise JobError(f"{path}: must be a file, got {got}")
        for path in folders:
            if path.exists() and not path.is_dir():
                raise JobError(f"{path}: must be a folder, got {instead_of_file(path) or 'a file'}")
        made = missing(self.path)
        try:
            for path in self.strangers(*folders):
                must = f"must be a file that '{self.command}' wrote"
                raise JobError(f"{path}: {must}, got another: move it, or name another folder with --out")
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
        """Return what `write` left here of its files when it was killed."""
        return drafts(self.path, [re.escape(path.name) for path in self.files])
