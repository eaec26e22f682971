import dataclasses

import numpy as np
import pytest

from reference.core import tree
from reference.losses.cross_entropy import cross_entropy
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer
from reference.training import loop, optimizers
from reference.training.errors import DivergedError, RunError
from reference.training.measures import norm
from reference.training.settings import Run
from reference.training.state import begin
from reference.training.training_settings import TrainingSettings


def bits(state):
    arrays = {name: array.tobytes() for part in (state.model, state.optimizer) for name, array in tree.leaves(part)}
    return arrays, state.losses.tobytes(), state.random, state.records


class Recorder:
    """An optimiser that moves nothing and keeps what it was called with."""

    def __init__(self):
        self.rates, self.gradients = [], []

    def step(self, model, d_model, state, rate):
        self.rates.append(rate)
        self.gradients.append(d_model)
        return model, state


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(TrainingSettings, "optimizer_of", lambda *_: recorder)
    recorder.init = lambda model: None
    return recorder


@pytest.mark.parametrize("optimizer", sorted(optimizers.OPTIMIZERS))
def test_one_seed_gives_the_same_bits(tiny, trained, optimizer):
    settings = tiny(optimizer=optimizer, epochs=2)
    assert bits(trained(settings)) == bits(trained(settings))


def test_another_seed_gives_other_data_other_parameters_and_another_order(tiny):
    one, other = tiny(seed=1), tiny(seed=2)
    assert loop.data(one)[0].source.tolist() != loop.data(other)[0].source.tolist()
    assert bits(begin(one))[0] != bits(begin(other))[0]
    assert begin(one).random != begin(other).random


def test_the_data_do_not_depend_on_the_model(tiny):
    one, other = (loop.data(tiny(width=width))[0].source.tolist() for width in (4, 8))
    assert one == other


@pytest.mark.parametrize("optimizer", sorted(optimizers.OPTIMIZERS))
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_going_on_from_any_step_gives_the_bits_of_a_run_in_one_piece(tiny, trained, optimizer, steps):
    settings = tiny(optimizer=optimizer, epochs=2)
    halfway = trained(settings, steps)
    assert halfway.step == steps
    assert bits(trained(settings, state=halfway)) == bits(trained(settings))


def test_a_run_that_is_over_has_no_more_steps(tiny, trained):
    settings = tiny()
    assert list(loop.train(settings, trained(settings), *loop.data(settings))) == []


def test_a_step_changes_no_earlier_state(tiny, trained):
    settings = tiny()
    start = begin(settings)
    before = bits(start)
    after = trained(settings, state=start)
    assert bits(start) == before
    assert bits(after)[0] != before[0]


def test_everything_stays_float32(tiny, trained):
    state = trained(tiny())
    assert {array.dtype for _, array in tree.leaves((state.model, state.optimizer))} == {np.dtype(np.float32)}


def test_settings_choose_the_model(tiny):
    assert type(begin(tiny()).model) is Transformer
    assert type(begin(tiny(embeddings="tied")).model) is TiedTransformer
    paths = {path for path, _ in tree.leaves(begin(tiny(norm="post", encoder_layers=2, decoder_layers=2)).model)}
    assert "body.decoder.blocks[1].feedforward.norm.gamma" in paths
    assert "body.encoder.norm.gamma" not in paths  # a post-norm stack ends in no norm of its own


def test_a_model_of_ones_own_can_be_trained(tiny):
    settings = tiny()
    model = begin(tiny(seed=9)).model
    state = begin(settings, model)
    assert state.model is model
    assert next(loop.train(settings, state, *loop.data(settings))).step == 1


def test_an_epoch_sees_every_example_once_in_an_order_of_its_own(tiny, monkeypatch):
    seen = []
    monkeypatch.setattr(loop, "step", lambda run, state, rows, *_: seen.append(rows) or grown(state))
    monkeypatch.setattr(loop, "measure", lambda *_: {})
    settings = tiny()
    training, held_out = loop.data(settings)
    list(loop.train(settings, begin(settings), training, held_out))
    assert [len(rows) for rows in seen] == [4, 4, 2] * 2
    first, second = (np.concatenate([rows.source for rows in seen[i : i + 3]]).tolist() for i in (0, 3))
    assert sorted(first) == sorted(second) == sorted(training.source.tolist())
    assert first != second


def grown(state):
    return dataclasses.replace(state, losses=np.append(state.losses, 0.0), norms=np.append(state.norms, 0.0))


def test_the_loss_is_summed_over_a_sequence_and_averaged_over_a_batch(tiny, recorder):
    settings = tiny(optimizer="sgd")
    state = begin(settings)
    rows = loop.data(settings)[0][:4]
    after = loop.step(settings, state, rows, 0.1)
    (d_model,) = recorder.gradients
    model = state.model.astype(np.float64)

    def loss(model):
        logits = model(source=rows.source, target=rows.target)
        return sum(cross_entropy(logits[i], targets=rows.labels[i], reduction="sum") for i in range(4)) / 4

    b, h = model.output.b, 1e-4
    nudged = lambda delta: dataclasses.replace(model, output=dataclasses.replace(model.output, b=b + delta))  # noqa: E731
    slopes = [(loss(nudged(h * e)) - loss(nudged(-h * e))) / (2 * h) for e in np.eye(len(b))]
    # float32 against float64 differences
    np.testing.assert_allclose(d_model.output.b, slopes, rtol=0, atol=1e-5)  # 1e-7 times a few sums
    # the loss that is shown is that of a token, in float32
    np.testing.assert_allclose(after.losses, [loss(model) / settings.task.length], rtol=1e-6, atol=0)


def test_a_linear_schedule_begins_and_ends_where_it_is_told(tiny, recorder):
    settings = tiny(optimizer="sgd", epochs=2)
    records = [state.records for state in loop.train(settings, begin(settings), *loop.data(settings))][-1]
    assert recorder.rates[0] == 5e-3
    assert recorder.rates[-1] == records[-1]["rate"] == 1e-3
    # equal strides
    np.testing.assert_allclose(np.diff(recorder.rates), -4e-3 / 5, rtol=1e-12, atol=0)


def test_a_constant_rate_stays(tiny, recorder):
    settings = tiny(optimizer="sgd", schedule="constant", rate=0.2, epochs=2)
    list(loop.train(settings, begin(settings), *loop.data(settings)))
    assert recorder.rates == [0.2] * 6


def test_a_cosine_goes_from_rate_to_end_rate(tiny, recorder):
    settings = tiny(optimizer="sgd", schedule="cosine", rate=0.2, end_rate=0.1, epochs=2)
    list(loop.train(settings, begin(settings), *loop.data(settings)))
    expected = 0.15 + 0.05 * np.cos(np.pi * np.arange(6) / 5)
    np.testing.assert_allclose(recorder.rates, expected, rtol=1e-12, atol=0)


def test_a_record_closes_each_epoch(tiny, trained):
    settings = tiny()
    state = trained(settings)
    assert [(record["epoch"], record["step"]) for record in state.records] == [(1, 3), (2, 6)]
    assert [record["loss"] for record in state.records] == [state.losses[:3].mean(), state.losses[3:].mean()]
    shares = {name: value for record in state.records for name, value in record.items() if "tokens" in name}
    assert len(shares) == 3
    assert all(0 <= share <= 1 for share in shares.values())


def test_training_lowers_the_loss(tiny, trained):
    state = trained(tiny(epochs=8))
    assert state.records[-1]["loss"] < 0.8 * state.records[0]["loss"]


def test_a_gradient_is_clipped_before_the_optimizer_sees_it_and_its_norm_is_that_before(tiny, recorder):
    free, most = tiny(batch=10), 0.01
    clipped = tiny(batch=10, clip=most)
    states = [loop.step(run, begin(run), loop.data(run)[0], 0.1) for run in (free, clipped)]
    assert states[0].norms.tolist() == states[1].norms.tolist() == [norm(recorder.gradients[0])]
    assert norm(recorder.gradients[0]) > most
    np.testing.assert_allclose(norm(recorder.gradients[1]), most, rtol=1e-5, atol=0)  # float32


def test_a_record_says_how_many_steps_were_clipped_and_how_far_each_part_was_moved(tiny, trained):
    state = trained(tiny())
    middle = float(np.median(state.norms))
    record = trained(tiny(clip=middle, epochs=1)).records[0]
    assert 0 <= record["clipped"] <= 1 and record["gradient_norm"] > 0
    assert {name for name in record if name.startswith("update_")} == {
        f"update_{part}" for part in ("source_embedding", "target_embedding", "encoder", "decoder", "output")
    }
    assert all(0 < record[name] < 1 for name in record if name.startswith("update_"))
    assert state.records[0]["clipped"] == 0


def broken(model, path):
    """Return the model with a NaN in one array."""
    return tree.map(lambda leaf: next(leaves), model) if (leaves := spoiled(model, path)) else model


def spoiled(model, path):
    return iter([leaf * np.float32(np.nan) if name == path else leaf for name, leaf in tree.leaves(model)])


def test_a_parameter_that_is_not_finite_is_named_before_the_loss_that_it_spoils(tiny):
    run = tiny()
    state = dataclasses.replace(begin(run), model=broken(begin(run).model, "output.b"))
    with pytest.raises(DivergedError, match=r"^'output\.b' is not finite at step 1 of 6, with a learning rate of "):
        next(loop.train(run, state, *loop.data(run)))


def test_a_gradient_that_is_not_finite_is_named_and_no_step_is_made(tiny, monkeypatch):
    run, whole = tiny(), loop.gradient

    def gradient(*arguments):
        loss, d_model = whole(*arguments)
        return loss, broken(d_model, "body.decoder.norm.gamma")

    monkeypatch.setattr(loop, "gradient", gradient)
    message = r"^the gradient of 'body\.decoder\.norm\.gamma' is not finite at step 1 of 6, with a learning rate of "
    with pytest.raises(DivergedError, match=message):
        next(loop.train(run, begin(run), *loop.data(run)))


def test_a_loss_that_is_not_finite_by_itself_is_named(tiny, monkeypatch):
    run, whole = tiny(), loop.gradient
    monkeypatch.setattr(loop, "gradient", lambda *arguments: (float("nan"), whole(*arguments)[1]))
    with pytest.raises(DivergedError, match=r"^the loss is not finite at step 1 of 6, "):
        next(loop.train(run, begin(run), *loop.data(run)))


def test_a_text_that_is_not_there_any_more_is_one_clear_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("the cat sat on the mat\n" * 40)
    run = Run.of({"task": "text", "files": (str(path),)})
    path.unlink()
    with pytest.raises(RunError, match=r"a.txt: cannot be read \(No such file or directory\)$"):
        loop.data(run)
