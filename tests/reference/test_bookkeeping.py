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
from reference.replay import replay
from reference.training import loop, shards
from reference.training.settings import Run
from reference.training.state import begin

CORE = str(Path(reference.__file__).parent / "core")
# The default model has 50 arrays in 43 layers, 113 nodes in all; at each update three trees of that shape are made.
OF_ONE = 200  # calls of one function of core/ where the layers are asked
OF_ALL = 1_440  # calls of all of them: 1,428 at the time of writing
REPLAYED = 120  # calls of all of them where those of the layers are made again, with one layer or three: 109 and 115


def calls(steps=1, **entries):
    """Count the calls of each function of core/ in a step after so many: the first reads classes and makes tables."""
    counts = collections.Counter()
    run = Run.of(entries)
    rows, state = loop.data(run)[0][: run.training.batch], begin(run)
    replay._calls.cache_clear()
    for _ in range(steps):
        state = loop.step(run, state, rows, run.training.rate)

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


@pytest.fixture
def layers(monkeypatch):
    """The layers are asked at every step, as at the first."""
    monkeypatch.setattr(shards, "replayed", lambda gradient, *given: gradient(*given))


def test_from_the_fourth_step_on_the_layers_are_not_asked():
    counts = calls(steps=3)
    assert counts["layer.py: cotangent"] == counts["shapes.py: expect_shape"] == 0
    assert counts.total() <= REPLAYED
    assert calls(steps=3, **{"encoder-layers": 3, "decoder-layers": 3}).total() <= REPLAYED


def test_the_bound_of_a_known_step_does_not_hold_before(layers):
    assert calls(steps=3).total() > 10 * REPLAYED


def test_no_function_of_core_is_called_more_often_than_stated(layers):
    counts = calls()
    assert counts["layer.py: cotangent"] == 47  # the layers, their objective, and positions of which some serve twice
    assert {name: n for name, n in counts.items() if n > OF_ONE} == {}
    assert counts.total() <= OF_ALL


def test_every_further_layer_adds_the_same_calls(layers):
    one, two, three = (calls(**{"encoder-layers": layers, "decoder-layers": layers}) for layers in (1, 2, 3))
    runs = [counts.pop("entrywise.py: _applied") for counts in (one, two, three)]  # of parameters, as long as a block
    assert runs == sorted(runs) and runs[2] <= 3 * runs[0]
    assert three - two == two - one
    assert (two - one).total() <= 920  # 42 arrays in 33 layers


def test_a_step_writes_its_gradient_down_once_and_model_and_moments_never(layers):
    counts = calls()
    assert counts["flat.py: flatten"] == 3  # the other two: gradients of one table of positions, which are added up


@pytest.mark.parametrize(
    ("known", "function", "bound"),
    [(layer._checked, "layer.py: _expect_like", OF_ONE), (tree._known, "flat.py: flatten", 3)],
    ids=["gradients", "trees"],
)
def test_a_bound_does_not_hold_where_nothing_is_remembered(layers, monkeypatch, known, function, bound):
    monkeypatch.setattr(known, "get", lambda _: None)
    counts = calls()
    assert counts[function] > bound and counts.total() > OF_ALL
