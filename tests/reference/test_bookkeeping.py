"""What a training step does beside its mathematics is bounded in calls of Python, which are as many on any machine.

What share of a step that is, is measured by tests/benchmarks/bookkeeping.py and stands in specs/guides/performance.md.
"""

import collections
import gc
import sys
from pathlib import Path

import pytest

import reference
from reference.core import layer, tree
from reference.training import loop
from reference.training.settings import Run
from reference.training.state import begin

CORE = str(Path(reference.__file__).parent / "core")
# The default model has 50 arrays in 43 layers, 113 nodes in all; at each update three trees of that shape are made.
OF_ONE = 200  # calls of one function of core/: to make the layers of three trees anew takes 177
OF_ALL = 1_440  # calls of all of them: 1,428 at the time of writing, of which copies for BLAS are 24


def calls(**entries):
    """Count the calls of each function of core/ in a step after the first, which reads classes and makes tables."""
    counts = collections.Counter()
    run = Run.of(entries)
    rows = loop.data(run)[0][: run.training.batch]
    state = loop.step(run, begin(run), rows, run.training.rate)

    def count(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(CORE) and code.co_name != "<listcomp>":  # a call until 3.11
            counts[f"{Path(code.co_filename).name}: {code.co_name}"] += 1

    gc.collect()  # what others left would be forgotten within the step, by calls that are not its own
    collects, before = gc.isenabled(), sys.getprofile()
    gc.disable()
    sys.setprofile(count)
    try:
        loop.step(run, state, rows, run.training.rate)
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    return counts


def test_no_function_of_core_is_called_more_often_than_stated():
    counts = calls()
    assert counts["layer.py: cotangent"] == 47  # the layers, their objective, and positions of which some serve twice
    assert {name: n for name, n in counts.items() if n > OF_ONE} == {}
    assert counts.total() <= OF_ALL


def test_every_further_layer_adds_the_same_calls():
    one, two, three = (calls(**{"encoder-layers": layers, "decoder-layers": layers}) for layers in (1, 2, 3))
    assert three - two == two - one
    assert (two - one).total() <= 920  # 42 arrays in 33 layers


def test_a_step_writes_its_gradient_down_once_and_model_and_moments_never():
    counts = calls()
    assert counts["flat.py: flatten"] == 3  # the other two: gradients of one table of positions, which are added up


@pytest.mark.parametrize(
    ("known", "function", "bound"),
    [(layer._checked, "layer.py: _expect_like", OF_ONE), (tree._known, "flat.py: flatten", 3)],
    ids=["gradients", "trees"],
)
def test_a_bound_does_not_hold_where_nothing_is_remembered(monkeypatch, known, function, bound):
    monkeypatch.setattr(known, "get", lambda _: None)
    counts = calls()
    assert counts[function] > bound and counts.total() > OF_ALL
