"""What the code itself notes is what a trace sees: the same lines, and the same ways of every branch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import noted
import probed
import pytest
from coverage import Coverage

TOOLS = Path(__file__).parent / "tools"
SUBJECT = '''"""What a module may have."""

from __future__ import annotations

import contextlib
import functools


def ways(n):
    """Of each branch one way, or both."""
    total = 0
    if n > 1:
        total += 1
    if n > 0:
        total += 1
    elif n < -1:
        total += 2
    else:
        total += 3
    if n > 5 and (
        n > 6
    ):
        total += 4
    for i in range(n):
        if i == 1:
            break
        total += i
    else:
        total += 5
    for i in ():
        total += i
    while total > 100:
        total -= 1
    while True:
        total += 1
        if total > 2:
            return total


@functools.cache
@functools.lru_cache(
    maxsize=None
)
def caught(word):
    try:
        int(word)
        len(word)
    except TypeError:
        return "type"
    except (
        ValueError
    ):
        return "value"
    except KeyError:
        return "key"
    else:
        word = "else"
    finally:
        word += "."
    return word


class Held:
    """A class."""

    width: int = 3

    @property
    def twice(self):
        def inner():
            return 2 * self.width

        return inner()

    @property
    def never(self):
        return 0

    def within(self):
        with contextlib.suppress(ValueError):
            if self.width:
                int("x")
            self.width = 4
        with contextlib.suppress(ValueError):
            for n in "12":
                if n == "1":
                    continue
                return int(n)
        return 0


def listed():
    global LAST
    LAST = [n for n in range(3) if n]
    for n in LAST:
        yield n


def late():
    return 1


assert __doc__ == "What a module may have." and ways.__doc__.startswith("Of") and annotations
'''
CONFIGURATION = """
[run]
branch = true
core = ctrace
omit = */omitted.py
parallel = true
patch = subprocess
source_pkgs = subject, omitted
"""
TEST = """
import omitted
import subject

def test_all():
    assert [subject.ways(n) for n in (0, 3)] == [9, 3]
    assert [subject.caught(word) for word in ("1", "x")] == ["else.", "value"]
    assert subject.Held().twice == 6 and subject.Held().within() == 2
    assert list(subject.listed()) == [1, 2]
    assert hash(subject.ways.__code__) and omitted.X
"""
LATE = """
def pytest_terminal_summary():
    import subject
    subject.late()
"""
FOUND = ("executed_lines", "missing_lines", "executed_branches", "missing_branches")


@pytest.fixture
def counted(tmp_path):
    """counted(*options): what coverage says of the subject in a run of pytest with these options."""
    (tmp_path / "subject.py").write_text(SUBJECT, encoding="utf-8")
    (tmp_path / "omitted.py").write_text("X = 1\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(LATE, encoding="utf-8")
    (tmp_path / "test_subject.py").write_text(TEST, encoding="utf-8")
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    environment = keep | {"PYTHONPATH": os.pathsep.join((str(TOOLS), str(tmp_path)))}
    (tmp_path / ".coveragerc").write_text(CONFIGURATION, encoding="utf-8")

    def counted(*options):
        command = [sys.executable, "-m", "coverage", "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        found = Coverage(data_file=tmp_path / ".coverage", config_file=False)
        found.erase()
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        found.combine()
        found.json_report(outfile=str(tmp_path / "found.json"))
        (subject,) = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["files"].values()
        return {name: subject[name] for name in FOUND}

    return counted


def test_notes_are_what_a_trace_sees(counted):
    traced = counted()
    assert all(traced.values())
    assert counted("-p", "probed") == traced
    assert counted("-p", "probed", "-n", "1") == traced, "in a process of pytest-xdist"


def test_without_coverage_nothing_is_done():
    assert probed.DATA is None
    assert not any(isinstance(finder, probed.Finder) for finder in sys.meta_path)


def test_an_empty_module_has_nothing_to_note():
    notes = noted.Notes("")
    exec(notes.code("empty.py"), {})
    assert notes.arcs() == set()


def test_what_is_not_counted_is_refused():
    notes = noted.Notes("x = 1\nmatch x:\n    case 1:\n        pass\n")
    with pytest.raises(NotImplementedError, match="must have no `match`, got one in line 2"):
        notes.code("matched.py")
