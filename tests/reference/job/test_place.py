import numpy as np
import pytest

from reference.job import place
from reference.job.files import Folder
from reference.job.place import Place
from reference.training import checkpoint, loop
from reference.training.state import begin


@pytest.fixture
def kept(tiny, tmp_path):
    """kept(**changes): a run, its folder, its states, and what stands in the folder after each step is saved."""

    def kept(**changes):
        run, folder = tiny(**changes), Folder(tmp_path)
        there = Place(folder, run, begin(run))
        states, seen = [], []
        for state in loop.train(run, begin(run), *loop.data(run)):
            there.save(state)
            states.append(state)
            seen.append({path.name for path in tmp_path.iterdir()})
        return run, folder, states, seen

    return kept


def test_the_last_checkpoints_and_the_best_are_kept(kept):
    _, folder, states, seen = kept(epochs=5, keep=3)
    always = {"checkpoint.safetensors", "metrics.jsonl"}
    assert seen[0] == always
    assert seen[2] == always | {"best.safetensors", "epoch-00001.safetensors"}
    assert seen[-1] == always | {"best.safetensors", *(f"epoch-{epoch:05}.safetensors" for epoch in (3, 4, 5))}
    losses = [record["held_out_loss"] for record in states[-1].records]
    best = checkpoint.load(folder.best)[1]
    assert len(best.records) == 1 + int(np.argmin(losses))
    assert [len(checkpoint.load(folder.kept(epoch))[1].records) for epoch in (3, 4, 5)] == [3, 4, 5]


def test_the_best_stays_where_a_later_one_is_worse(kept, monkeypatch):
    losses = iter([0.5, 0.25, 0.75])
    measure = loop.measure
    monkeypatch.setattr(loop, "measure", lambda *given: measure(*given) | {"held_out_loss": next(losses)})
    _, folder, _, _ = kept(epochs=3)
    assert len(checkpoint.load(folder.best)[1].records) == 2
    assert len(checkpoint.load(folder.checkpoint)[1].records) == 3


def test_events_are_written_once_for_each_epoch_and_only_if_they_are_wanted(tiny, tmp_path, monkeypatch):
    seen = []

    class Noted:
        def __init__(self, folder, records):
            seen.extend([folder.name, *(record["epoch"] for record in records)])

        def add(self, record):
            seen.append(record["epoch"])

    monkeypatch.setattr(place, "Events", Noted)
    run = tiny()
    for wanted, expected in ((False, []), (True, ["events", 1, 2])):
        there = Place(Folder(tmp_path), run, begin(run), events=wanted)
        for state in loop.train(run, begin(run), *loop.data(run)):
            there.save(state)
        assert seen == expected
