"""Since when an equation has its name, and what was wrong with it before.

`specs/releases.txt` has a line for each release: its version, how many tags there were, and the SHA-256 of these lines.
As tags are only ever added at the end, that is enough to see that none is gone, and which came when.  A tag behind the
last release belongs to the version that is being made.  `specs/errata.txt` has a line for each error that was
published: "layernorm.9: 0.1.0: what was wrong".
"""

import hashlib
import tomllib


def tags(root):
    return (root / "specs/tags.txt").read_text(encoding="utf-8").splitlines()


def version(root):
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def lines(path):
    if not path.is_file():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def digest(names):
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def released(root):
    """The releases, each as (version, number of tags, digest), the oldest first."""
    rows = (line.split() for line in lines(root / "specs/releases.txt"))
    return [(name, int(count), digest) for name, count, digest in rows]


def first(root):
    """The version in which each tag first stood."""
    found, done, names = {}, 0, tags(root)
    for name, count, _ in released(root):
        found |= dict.fromkeys(names[done:count], name)
        done = count
    return found | dict.fromkeys(names[done:], version(root))


def errata(root):
    """The errors that were published: {id: [(version, what was wrong)]}."""
    found = {}
    for line in lines(root / "specs/errata.txt"):
        id, name, text = line.split(": ", 2)
        found.setdefault(id, []).append((name, text))
    return found
