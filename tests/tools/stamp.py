"""The gate between the gradients and everything that builds on them.

    python tests/tools/stamp.py gradients FILE    run every gradient test; FILE is written only if all of them passed
    python tests/tools/stamp.py verify FILE       refuse, in one line, unless FILE was written for this very tree
    python tests/tools/stamp.py installed         refuse, in one line, unless the installed packages are this tree's

The stamp is a SHA-256 over the paths and bytes of the tree and over the versions of what
computes.  A converged model is no evidence for a gradient, so convergence asks for the stamp.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREE = ("reference", "gradcheck", "specs", "tests", "pyproject.toml", "tox.ini")
INSTALLED = {"reference": "reference", "gradcheck": "gradcheck", "specs": "reference/_specs"}
SUITE = "tests/reference"
RUN = ["-p", "complete", "-p", "probed", "-n", "auto", "--maxprocesses=8", "-q"]
FIRST = ["--maxschedchunk=4", "--maxfail=8"]  # in their order; what is told first is not lost in the rest


class RefusedError(Exception):
    """One line that says what must be and what came."""


def files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below `folder` by its path; caches and hidden files do not count."""
    found = {}
    for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in inner.parts):
            found[inner.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def stamp(root: Path) -> dict:
    """Return what is stamped: every file of the tree, the versions, and one digest of it all."""
    tree = {f"{top}/{path}".removesuffix("/."): sha for top in TREE for path, sha in files(root / top).items()}
    versions = {"python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in ("numpy", "scipy")}
    content = {"files": dict(sorted(tree.items())), "versions": versions}
    return {"sha256": hashlib.sha256(json.dumps(content).encode()).hexdigest(), **content}


def verify(root: Path, stamp_file: Path) -> None:
    """Raise RefusedError unless `stamp_file` was written for the tree at `root` and what is installed is that tree."""
    if not stamp_file.is_file():
        raise RefusedError("the gradients must have passed for this tree, got no stamp; run tox -e gradients")
    old, new = read(stamp_file), stamp(root)
    if old != new:
        changed = [*_different(old["versions"], new["versions"]), *_different(old["files"], new["files"])]
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        got = f"a stamp with another {changed[0]}{more}" if changed else "a garbled stamp"
        raise RefusedError(f"the gradients must have passed for this tree, got {got}; run tox -e gradients")
    installed(root)


def read(stamp_file: Path) -> dict:
    """Return what `gradients` wrote there, or raise RefusedError if it is no stamp."""
    try:
        found = json.loads(stamp_file.read_text(encoding="utf-8"))
        if isinstance(found["files"], dict) and isinstance(found["versions"], dict):
            return found
    except (OSError, ValueError, KeyError, TypeError):  # not to be read, no text, no JSON, of another form
        pass
    raise RefusedError("the gradients must have passed for this tree, got a garbled stamp; run tox -e gradients")


def installed(root: Path) -> None:
    """Raise RefusedError unless the packages that are imported have the tree's bytes and are not the tree itself."""
    for top, inner in INSTALLED.items():
        package, _, rest = inner.partition("/")
        location = _location(package)
        if location == root / package:
            raise RefusedError(f"{package} must be imported from an installed wheel, got {location}")
        here = {path: sha for path, sha in files(location / rest).items() if rest or not path.startswith("_specs/")}
        for path in _different(files(root / top), here):
            raise RefusedError(f"what is installed must have the bytes of the tree, got another {top}/{path}")


def gradients(root: Path, stamp_file: Path, arguments: list[str]) -> int:
    """Run every gradient test on the installed packages; write the stamp if the run was complete and passed."""
    stamp_file.unlink(missing_ok=True)
    if arguments:
        raise RefusedError(f"gradients takes no arguments, because a part proves nothing, got {' '.join(arguments)}")
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        if os.environ.get(name):
            raise RefusedError(f"gradients needs {name} unset, because a part proves nothing, got {os.environ[name]}")
    installed(root)
    before = stamp(root)
    status = int(pytest.main([str(root / SUITE), *RUN, *FIRST]))
    if status == 0:
        if stamp(root) != before:
            raise RefusedError("the tree must stay as it is while its gradients are checked, got a change")
        stamp_file.parent.mkdir(parents=True, exist_ok=True)
        draft = stamp_file.with_name(f".{stamp_file.name}.{os.getpid()}")
        try:
            draft.write_text(json.dumps(before, indent=1) + "\n", encoding="utf-8")
            draft.replace(stamp_file)
        finally:
            draft.unlink(missing_ok=True)
    return status


def main(arguments: list[str], root: Path = ROOT) -> int:
    try:
        match arguments:
            case ["gradients", file, *rest]:
                return gradients(root, Path(file), rest)
            case ["verify", file]:
                verify(root, Path(file))
            case ["installed"]:
                installed(root)
            case _:
                raise RefusedError(f"stamp.py takes 'gradients FILE', 'verify FILE' or 'installed', got {arguments}")
    except RefusedError as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return 1
    return 0


def _location(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RefusedError(f"{package} must be installed, got nothing of that name")
    return Path(spec.origin).resolve().parent


def _different(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Return the paths that are in one only or have other bytes."""
    return sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
