"""When, with what and by which command a page was made."""

import datetime
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def made() -> list[tuple[str, str]]:
    now = datetime.datetime.now(datetime.UTC)
    versions = f"gradcheck {_version('backproof')}, NumPy {_version('numpy')}"
    return [
        ("made", f"{now:%Y-%m-%d %H:%M} UTC"),
        ("with", f"{versions}, Python {platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("by", command(sys.argv)),
    ]


def command(arguments: list[str]) -> str:
    """Return what was run as it may be typed again: the program by its name, not by where it lies."""
    program = Path(arguments[0] if arguments else "")
    name = f"python -m {program.parent.name}" if program.name == "__main__.py" else program.name
    if program.name != "__main__.py" and program.suffix == ".py":
        name = f"python {program.name}"
    if not program.name or program.name.startswith("-") or "kernel" in program.name:
        return "python"  # a prompt, a notebook: its arguments are its own
    return " ".join([name, *map(shlex.quote, arguments[1:])])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
