"""The records of a run, one epoch a line, in JSON."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from reference.training import files


def write(path: Path, records: Iterable[Mapping[str, float]]) -> None:
    files.write(path, "".join(json.dumps(record, allow_nan=False) + "\n" for record in records).encode())
