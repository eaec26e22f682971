"""What stands where a file is asked for."""

from pathlib import Path


def instead_of_file(path: Path) -> str | None:
    """Return what is at a path in the place of a file; None where a file is, or nothing.

    Who opens a pipe waits for somebody else, and a device may never end.

    >>> instead_of_file(Path("/")), instead_of_file(Path("/dev/null")), instead_of_file(Path("/none"))
    ('a folder', 'something else', None)
    """
    if path.is_file() or not path.exists():
        return None
    return "a folder" if path.is_dir() else "something else"
