import dataclasses

import numpy as np
import pytest

from reference.core import tree
from reference.replay import replay
from reference.training import loop, shards
from reference.training.families import FAMILIES
from reference.training.settings import Run
from reference.training.shards import Batch, Shard, cut, gradient
from reference.training.state import begin
from reference.training.threads import Threads


@pytest.fixture
def batch(tiny):
    """batch(**changes): a run, its state before the first step, and a batch of ten sequences."""

    def batch(**changes):
        run = tiny(batch=10, **changes)
        return run, begin(run), loop.data(run)[0]

    return batch


def bits(got):
    loss, d_model = got
    return loss, [array.tobytes() for _, array in tree.leaves(d_model)]


@pytest.mark.parametrize(("shards", "sizes"), [(1, [10]), (3, [3, 3, 4]), (10, [1] * 10), (99, [1] * 10)])
def test_shards_are_as_equal_as_they_can_be_and_keep_the_order(batch, shards, sizes):
    run, _, rows = batch(shards=shards)
    parts = list(cut(run, rows))
    assert [len(part) for part in parts] == sizes
    assert np.concatenate([part.source for part in parts]).tolist() == rows.source.tolist()


def test_the_gradient_of_a_batch_is_that_of_its_shards_together(batch):
    run, state, rows = batch()
    parted = dataclasses.replace(run, training=dataclasses.replace(run.training, shards=4))
    (loss, d), (other, d_other) = (gradient(one, state, rows) for one in (run, parted))
    np.testing.assert_allclose(other, loss, rtol=1e-6, atol=0)  # sums of float32 in another order
    for (_, a), (path, b) in zip(tree.leaves(d), tree.leaves(d_other), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6, err_msg=path)  # sums of float32 in another order


@pytest.mark.parametrize("model", ["encoder-decoder", "decoder-only"])
def test_wherever_shards_are_computed_the_bits_are_the_same(batch, model):
    run, state, rows = batch(shards=4, model=model, dropout=0.2)

    def backwards(work, items):
        return reversed([work(item) for item in reversed(list(items))])

    assert bits(gradient(run, state, rows, mapper=backwards)) == bits(gradient(run, state, rows))


def test_gradients_are_added_in_the_order_of_the_shards(batch):
    run, state, rows = batch(shards=3)
    whole = Batch(run, state.model, len(rows), state.step)
    first, second, third = (whole.gradient(Shard(part, k))[1] for k, part in enumerate(cut(run, rows)))
    expected = tree.map(lambda a, b, c: (a + b) + c, first, second, third)
    assert bits((0, gradient(run, state, rows)[1])) == bits((0, expected))


def test_dropout_is_drawn_anew_at_every_step_and_for_every_shard(batch):
    run, state, rows = batch(shards=2, dropout=0.5)
    places = (0, 0), (0, 1), (1, 0), (0, 0)
    drawn = [Batch(run, state.model, 10, step).gradient(Shard(rows[:5], k))[0] for step, k in places]
    assert drawn[0] == drawn[3]
    assert len(set(drawn)) == 3


RUNS = {name: {"model": name} for name in FAMILIES if name != "classifier"} | {
    "tied": {"embeddings": "tied"},
    "tied, decoder only": {"embeddings": "tied", "model": "decoder-only"},
    "post-norm": {"norm": "post"},
    "shards": {"shards": 2},
}
TABLES = {
    "a class of texts with padding": {"task": "classify"},
    "pairs with padding": {"task": "pairs"},
}
SMALL = {"width": 8, "heads": 2, "hidden": 5, "batch": 4, "epochs": 2}


def steps(run, count, mapper=map, dtype=np.float32):
    """The bits of the losses and of the model after so many steps, each on the same rows."""
    first, rows = begin(run), loop.data(run)[0][: run.training.batch]
    state = begin(run, first.model.astype(dtype))
    for _ in range(count):
        state = loop.step(run, state, rows, 0.01, mapper=mapper)
    return state.losses.tobytes(), [leaf.tobytes() for _, leaf in tree.leaves(state.model)]


@pytest.mark.parametrize("changes", (RUNS | TABLES).values(), ids=RUNS | TABLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_that_are_replayed_are_those_of_the_layers_to_the_last_bit(tiny, tmp_path, monkeypatch, changes, dtype):
    made = []
    if changes in TABLES.values():
        table = tmp_path / "a.tsv"
        table.write_text("".join(f"{'ab' * (k % 5 + 1)}\t{'yn'[k % 2]}\n" for k in range(20)), encoding="utf-8")
        run = Run.of(SMALL | changes | {"files": (str(table),)})
    else:
        run = tiny(**changes)
    replay._calls.cache_clear()
    monkeypatch.setattr(replay, "_Calls", lambda whole=replay._Calls: made.append(whole()) or made[-1])
    got = steps(run, 6, dtype=dtype)
    assert [calls.stage for calls in made] == [replay.PROVED]
    monkeypatch.setattr(shards, "replayed", lambda gradient, *given: gradient(*given))
    assert got == steps(run, 6, dtype=dtype)


def test_steps_in_threads_are_replayed_to_the_last_bit(tiny, monkeypatch):
    run = tiny(shards=4, batch=10)
    replay._calls.cache_clear()
    with Threads(4).mapping() as mapper:
        got = steps(run, 6, mapper)
    monkeypatch.setattr(shards, "replayed", lambda gradient, *given: gradient(*given))
    assert got == steps(run, 6)


def test_what_is_drawn_is_never_noted(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(shards, "replayed", lambda gradient, *given: asked.append(given) or gradient(*given))
    steps(tiny(dropout=0.5), 1)
    assert not asked
    steps(tiny(), 1)
    assert asked
