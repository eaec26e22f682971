"""A pytest plugin, `-p traced`: the trace by which coverage counts branches rests in tests that repeat the same lines.

It doubles the time of what runs under it.  It rests on the corpora, in tests that do nothing but prove a gradient or
catch a wrong one, and in what follows the first cases of a sweep.  These run as they are, and without a trace all do.
"""

import sys
from collections import Counter

import pytest

FILES = ("corpus", "held_out")
NAMES = ("baseline", "caught", "killed", "proved")
CASES = 40  # of one test; most have fewer, of which each may be there for a branch of its own

RESTS = pytest.StashKey[bool]()


@pytest.hookimpl(trylast=True)  # in the order in which they run
def pytest_collection_modifyitems(items):
    cases = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        in_file = any(part in item.path.name for part in FILES)
        by_name = any(part in test.rpartition("::")[2] for part in NAMES)
        item.stash[RESTS] = in_file or by_name or cases[test] > CASES


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    trace = sys.gettrace()
    if item.stash[RESTS]:
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)
