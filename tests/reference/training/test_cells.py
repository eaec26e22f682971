from collections import deque

import pytest

from reference.training import loop
from reference.training.cells import Result, trained
from reference.training.errors import RunError
from reference.training.settings import Run
from reference.training.state import begin


def test_a_cell_is_a_run_of_the_loop(tiny_entries):
    run = Run.of(tiny_entries)
    (state,) = deque(loop.train(run, begin(run), *loop.data(run)), maxlen=1)
    result = trained(tiny_entries)
    assert result == Result(state.records)
    assert result.loss == state.records[-1]["held_out_loss"]


def test_the_same_entries_make_the_same_result(tiny_entries):
    assert trained(tiny_entries) == trained(tiny_entries)


def test_a_run_that_diverges_is_a_result_with_the_reason(tiny_entries):
    result = trained({**tiny_entries, "optimizer": "sgd", "rate": 1e30})
    assert result.loss is None
    assert result.diverged.startswith("the loss is not finite at step ")


def test_a_run_that_cannot_be_done_is_no_result(tiny_entries, monkeypatch):
    def broken(*_):
        raise RunError("no")

    monkeypatch.setattr("reference.training.cells.train", broken)
    with pytest.raises(RunError, match=r"^no$"):
        trained(tiny_entries)
