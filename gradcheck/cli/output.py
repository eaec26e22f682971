"""Where reports go: the terminal, JSON, a page."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcheck.cli.errors import UsageError
from gradcheck.report import Report


def writable(path: Path) -> None:
    """Find out before the work is done whether a page can be written.

    Raises:
        UsageError: there is no such folder, or a folder of that name.
    """
    if not path.parent.is_dir():
        raise UsageError(f"--html {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"--html {path}: is a folder")


def write_page(reports: Sequence[Report], path: Path) -> None:
    """Write the page under another name and rename it: it is whole or not there."""
    from gradcheck.reports.html import page

    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(page(reports), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def document(verdict: str, reports: Sequence[tuple[str, Report]], errors: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return what --json prints."""
    from gradcheck.reports.data import SCHEMA_VERSION

    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict,
        "reports": [{"thing": thing, **report.to_dict()} for thing, report in reports],
        "errors": [{"thing": thing, "message": message} for thing, message in errors],
    }
