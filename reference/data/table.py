"""Tables of two columns: text with a tab in each line."""

from pathlib import Path

from reference.data.errors import DataError
from reference.data.text import size_of
from reference.data.tokenizer import utf8


def rows(path: Path) -> list[tuple[str, str]]:
    """Return what stands in the two columns of each line; an empty line is none, nor is a mark of the byte order.

    Raises:
        DataError: it is no such file, or a line has not two columns with something in each; its number is given.
    """
    size_of(path)
    found = []
    text = utf8(path.read_bytes(), str(path), "save the table as UTF-8").removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), 1):
        columns = line.removesuffix("\r").split("\t")
        if columns == [""]:
            continue
        if len(columns) != 2 or not all(columns):
            got = f"{len(columns)}" if len(columns) != 2 else "an empty one"
            raise DataError(f"{path}: line {number:,} must have two columns with a tab between them, got {got}")
        found.append((columns[0], columns[1]))
    return found


def split(found: list[tuple[str, str]]) -> tuple[list[int], list[int]]:
    """Return the numbers of the rows to train on, and of those held out: of every tenth text in the first column.

    No text of the first column stands in both.
    """
    place: dict[str, int] = {}
    for source, _ in found:
        place.setdefault(source, len(place))
    held_out = [place[source] % 10 == 0 for source, _ in found]
    return [i for i, out in enumerate(held_out) if not out], [i for i, out in enumerate(held_out) if out]
