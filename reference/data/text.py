"""Text in files: which part of each is held out, and pieces of it, each as small as memory wants it."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from reference.core.paths import instead_of_file
from reference.data.errors import DataError

HERE = Path(__file__)
WHEEL = HERE.parents[1] / "_specs"  # where the wheel has the derivations
PAGES = WHEEL if WHEEL.is_dir() else HERE.parents[2] / "specs"
CHUNK = 2**20  # bytes


@dataclasses.dataclass(frozen=True)
class Part:
    """Bytes `first` to `last` of a file."""

    path: Path
    first: int
    last: int


def own() -> list[Path]:
    """Return the derivations that the package carries."""
    return sorted(PAGES.rglob("*.md"))


def parts(paths: Sequence[Path]) -> tuple[list[Part], list[Part]]:
    """Return what of the files is for training, and what is held out: the last tenth of each.

    Raises:
        DataError: there is no such file, or it is empty.
    """
    training, held_out = [], []
    for path in paths:
        size = size_of(path)
        cut = _cut(path, size * 9 // 10)
        training.append(Part(path, 0, cut))
        held_out.append(Part(path, cut, size))
    return training, held_out


def size_of(path: Path) -> int:
    """Return the bytes of a file; DataError where there is none, or none in it."""
    if (got := instead_of_file(path)) is not None:
        raise DataError(f"{path}: must be a file, got {got}")
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if not size:
        raise DataError(f"{path}: must have some text, got an empty file")
    return size


def chunks(some: Iterable[Part], most: int = CHUNK) -> Iterator[tuple[str, bytes]]:
    """Yield the name of a file and bytes of it, again and again, that end with a line where one ends in so many bytes.

    Where none does they end with a character.
    """
    for part in some:
        with part.path.open("rb") as file:
            file.seek(part.first)
            left, kept = part.last - part.first, b""
            while left:
                data = file.read(min(most, left))
                if not data:
                    raise DataError(f"{part.path}: must stay as it is while it is read, got a shorter file")
                left -= len(data)
                whole = kept + data
                end = len(whole) if not left else _end(whole)
                if end:
                    yield str(part.path), whole[:end]
                kept = whole[end:]


def _end(data: bytes) -> int:
    """Return where the last line of bytes ends, or the last whole character if no line does."""
    line = data.rfind(b"\n") + 1
    return line or len(data) - _begun(data)


def _begun(data: bytes) -> int:
    """Return how many of the last bytes begin a character that does not end with them."""
    for k in range(1, min(4, len(data) + 1)):
        byte = data[-k]
        if byte & 0xC0 == 0xC0:  # the first byte of several
            return 0 if k >= (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else k
        if byte < 0x80:
            return 0
    return 0


def _cut(path: Path, at: int) -> int:
    """Return where a character begins or the file ends: there, or up to three bytes later."""
    with path.open("rb") as file:
        file.seek(at)
        after = file.read(4)
    inside = next((k for k, byte in enumerate(after) if byte & 0xC0 != 0x80), len(after))
    return at + inside % 4  # of four bytes within a character there are none: it is no text, which is cut anywhere
