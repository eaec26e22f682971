"""A pytest plugin, `-p probed`: what `coverage run` counts is noted by the code itself, and not seen by a trace.

A trace is called at every line of all that runs, NumPy's too, and doubles its time.  Here the packages that are
measured are loaded with notes in their code, see noted.py, which coverage is handed at the end and reports as those of
a trace.  Processes that a test starts are traced, and without `coverage run` nothing is done.
"""

import fnmatch
import importlib.machinery
import sys
import warnings

from coverage import Coverage
from noted import Notes

LOADED = {}  # notes by file


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from its source, never from what was compiled without notes."""

    def get_code(self, fullname):
        notes = LOADED[self.path] = Notes(self.get_source(fullname))
        return notes.code(self.path)


class Finder:
    def __init__(self, packages, omitted):
        self.packages, self.omitted = packages, omitted

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.packages:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.has_location and not any(fnmatch.fnmatch(spec.origin, pattern) for pattern in self.omitted):
            spec.loader = Loader(name, spec.origin)
        return spec


def _begin(measured):
    """Stop the trace of this process, and return where coverage keeps its data."""
    measured.stop()
    sys.meta_path.insert(0, Finder(*(measured.get_option(f"run:{name}") or () for name in ("source_pkgs", "omit"))))
    with warnings.catch_warnings(action="ignore"):  # that nothing was traced until here
        return measured.get_data()


DATA = _begin(Coverage.current()) if Coverage.current() else None


def pytest_sessionfinish(session):
    """A worker of pytest-xdist may be ended as soon as it has said that it finished."""
    if hasattr(session.config, "workerinput"):
        _hand_over()


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        _hand_over()


def _hand_over():
    if DATA is not None:
        DATA.add_arcs({path: notes.arcs() for path, notes in LOADED.items()})
