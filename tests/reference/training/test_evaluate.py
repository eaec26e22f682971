import numpy as np
import pytest

from reference.losses.cross_entropy import cross_entropy
from reference.tasks.task import Accuracy, Examples
from reference.training import evaluate, loop
from reference.training.settings import Run
from reference.training.state import begin


class Copier:
    """A stand-in for a model that says the source again, but 1 at the places in `wrong` (B, T)."""

    def __init__(self, wrong):
        self.wrong = np.asarray(wrong)

    def encode(self, *, source, source_mask=None):
        return np.where(self.wrong[source[:, 0] - 2], 1, source)

    def decode(self, memory, *, target, source_mask=None):
        return np.eye(9)[memory[:, : target.shape[1]]]

    def cache(self, batch, room, memory, *, source_mask=None):
        return iter(memory.T)

    def step(self, tokens, cache):
        return np.eye(9)[next(cache)][:, None]


def numbered(count, length=4):
    """Sequences that begin with their own number, 2, 3, ..., and hold no 1."""
    source = np.full((count, length), 8)
    source[:, 0] = np.arange(2, 2 + count)
    return Examples(source=source, labels=source)


RUN = Run.of({"vocabulary": 8, "length": 4})


@pytest.mark.parametrize("judge", [evaluate.autoregressive, evaluate.forced])
@pytest.mark.parametrize("rows", [250, 2])
def test_tokens_and_whole_sequences_are_counted(judge, rows, monkeypatch):
    monkeypatch.setattr(evaluate, "ROWS", rows)  # the last chunk is not full
    wrong = np.zeros((5, 4), bool)
    wrong[1, 2] = wrong[3, 0] = wrong[3, 3] = True
    assert judge(RUN, Copier(wrong), numbered(5)) == Accuracy(tokens=17 / 20, sequences=3 / 5)


def test_a_sequence_is_right_in_one_mode_exactly_if_it_is_in_the_other(tiny, trained):
    settings = tiny(epochs=4)
    model, (_, held_out) = trained(settings).model, loop.data(settings)
    # The first wrong token ends both: up to there the two read the same prefix.
    alone, helped = (judge(settings, model, held_out) for judge in (evaluate.autoregressive, evaluate.forced))
    assert alone.sequences == helped.sequences


def test_a_record_says_what_was_read_in_which_way():
    wrong = np.zeros((4, 4), bool)
    wrong[1, 2] = wrong[3, 0] = True
    model, all_, half = Copier(wrong), numbered(4), numbered(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "loss", lambda *_: 0.5)
        patch.setattr(evaluate, "forced", lambda _, model, examples, *rest: Accuracy(len(examples) / 10, 0.25))
        assert evaluate.measure(RUN, model, half, all_) == {
            "training_tokens": 0.2,
            "held_out_loss": 0.5,
            "held_out_tokens": 14 / 16,
            "held_out_sequences": 2 / 4,
            "forced_tokens": 0.4,
            "forced_sequences": 0.25,
        }


@pytest.mark.parametrize("rows", [250, 4])
def test_the_loss_is_the_mean_over_all_tokens(tiny, rows, monkeypatch):
    monkeypatch.setattr(evaluate, "ROWS", rows)
    settings = tiny()
    model, (_, held_out) = begin(settings).model, loop.data(settings)
    logits = model(source=held_out.source, target=held_out.target)
    mean = float(cross_entropy(logits, targets=held_out.labels))
    # sums of float32 in another order
    np.testing.assert_allclose(evaluate.loss(settings, model, held_out), mean, rtol=1e-6, atol=0)
