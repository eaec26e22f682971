"""Files that are whole or not there."""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from reference.training.errors import WriteError

DRAFT = ".backproof-draft"  # ends the names of drafts, and no name that somebody else gives


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that at every moment the old file or the new one is there, whole.

    Raises:
        WriteError: it cannot be done; the old file is there as before.
    """
    with drafted(path) as file:
        file.write(data)


@contextlib.contextmanager
def drafted(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that stands at `path` once all is written to it, and not before.

    Raises:
        WriteError: it cannot be done; the old file is there as before.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}{DRAFT}")
    made = missing(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException as error:  # Ctrl-C too must leave nothing behind
        with contextlib.suppress(OSError):
            draft.unlink()
        remove_empty(made)
        if isinstance(error, OSError):
            raise WriteError(f"{path}: cannot be written ({error.strerror})") from None
        raise


def missing(folder: Path) -> list[Path]:
    """Return those of a folder and the folders above it that are not there, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, the innermost first, that hold nothing; others, and what cannot be removed, stay."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def drafts(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return what `drafted` left in a folder when it was killed, of files whose names the expressions match."""
    draft = re.compile(rf"\.({'|'.join(names)})\.[0-9]+{re.escape(DRAFT)}")
    found = folder.iterdir() if folder.is_dir() else ()
    return [path for path in found if draft.fullmatch(path.name) and path.is_file()]
