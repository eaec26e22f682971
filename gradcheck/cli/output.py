"""Where reports go: the terminal, JSON, a page."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcheck.cli.errors import UsageError
from gradcheck.reports.report import Report


def writable(path: Path) -> None:
    """Find out before the work is done whether a page can be written.

    Raises:
        UsageError: there is no such folder, something else than a file of that name, or nothing can be written there.
    """
    try:
        if not path.parent.is_dir():
            raise UsageError(f"--html {path}: there is no folder {path.parent}")
        if path.exists() and not path.is_file():
            raise UsageError(f"--html {path}: is {'a folder' if path.is_dir() else 'no file'}")
        (draft := _draft(path)).touch()
        draft.unlink()
    except OSError as error:
        raise UsageError(f"--html {path}: cannot be written: {error.strerror}") from None


def write_page(reports: Sequence[Report], path: Path) -> None:
    """Write the page under another name and rename it: it is whole or not there."""
    from gradcheck.reports.html import page

    draft = _draft(path)
    try:
        draft.write_text(page(reports), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def document(verdict: str, reports: Sequence[tuple[str, Report]], errors: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return what --json prints."""
    from gradcheck.reports.data import SCHEMA_VERSION

    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict,
        "reports": [{"thing": thing, **report.to_dict()} for thing, report in reports],
        "errors": [{"thing": thing, "message": message} for thing, message in errors],
    }
