"""What a cited line computes is seen whatever form the line has, and the module computes what it computed before."""

import sys
import types

import numpy as np
import pytest
from equations import capture

SOURCE = """\
import numpy as np

def work(x):
    y = 2 * x                                       # (page.1)
    z, w = y + 1, y - 1                             # (page.2)
    out = np.zeros_like(x)
    np.exp(x, out=out)                              # (page.3)
    out *= 2                                        # (page.4)
    out[..., :1] = 0                                # (page.5)
    d = {}
    d["part"], y = x, out                           # (page.6)
    several = list(map(lambda a: a * a, [x, y]))    # (page.7)
    long = (
        z
        + w
    )                                               # (page.8)
    plain = z + w
    return long + d["part"] + plain                 # (page.9)
"""


@pytest.fixture
def events(tmp_path, monkeypatch):
    path = tmp_path / "worker.py"
    path.write_text(SOURCE, encoding="utf-8")
    module = types.ModuleType("worker")
    module.__file__ = str(path)
    exec(SOURCE, module.__dict__)
    monkeypatch.setitem(sys.modules, "worker", module)
    reported = capture.instrumented("worker")
    monkeypatch.delitem(sys.modules, "worker_reported")
    x = np.arange(3.0)
    assert np.array_equal(reported.module.work(x), module.work(x))
    return reported.report.events


def of(events, id):
    return [event for event in events if event.id == id]


def test_every_cited_line_reports_in_the_order_in_which_it_runs(events):
    assert [event.id for event in events] == [f"page.{k}" for k in (1, 2, 3, 4, 5, 6, 7, 7, 8, 9)]


def test_an_event_has_what_the_line_saw_and_what_it_made(events):
    (event,) = of(events, "page.1")
    assert set(event.before) == {"x"}
    assert event.targets == ("y",)
    assert np.array_equal(event.value, [0, 2, 4])
    assert np.array_equal(event.after["y"], [0, 2, 4])
    assert event.line == 4


def test_several_targets_are_named_in_order(events):
    assert of(events, "page.2")[0].targets == ("z", "w")
    assert of(events, "page.6")[0].targets == ("d['part']", "y")


def test_what_is_written_in_place_is_copied_before_and_after(events):
    written, doubled, cut = (of(events, f"page.{k}")[0] for k in (3, 4, 5))
    assert (written.targets, doubled.targets, cut.targets) == (("out",), ("out",), ("out",))
    assert np.array_equal(written.before["out"], np.zeros(3))
    assert np.array_equal(written.after["out"], np.exp([0, 1, 2]))
    assert np.array_equal(doubled.after["out"], 2 * np.exp([0, 1, 2]))
    assert cut.after["out"][0] == 0


def test_a_lambda_reports_each_of_its_calls(events):
    first, second = of(events, "page.7")
    assert set(first.before) == {"a"}
    assert np.array_equal(first.value, [0, 1, 4])
    assert not np.array_equal(second.value, first.value)


def test_a_statement_of_several_lines_is_one_and_a_return_has_its_value(events):
    assert np.array_equal(of(events, "page.8")[0].value, [0, 4, 8])
    (event,) = of(events, "page.9")
    assert event.targets == ()
    assert np.array_equal(event.value, [0, 9, 18])
