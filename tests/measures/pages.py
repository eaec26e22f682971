"""A table of a guide, between its two markers, as a script measured it."""

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

GUIDES = Path(__file__).resolve().parents[2] / "specs/guides"


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def machine(*packages):
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores, one thread; {versions}."


def rows(page, name):
    """The rows of the table as it stands, by their first cells."""
    text = (GUIDES / page).read_text(encoding="utf-8")
    lines = text.partition(f"<!-- {name}:begin -->")[2].partition(f"<!-- {name}:end -->")[0].split("\n")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {first: rest for first, *rest in cells[2:]}


def put(page, name, text):
    """Write `text` between `<!-- name:begin -->` and `<!-- name:end -->` of a guide."""
    path, begin, end = GUIDES / page, f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{path}: the table must stand between {begin} and {end}, got no such lines")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
