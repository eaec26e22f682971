import dataclasses

import numpy as np
import pytest

from reference.core import tree
from reference.models.tied import TiedTransformer
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.tasks import task as tasks
from reference.tasks.copy import Copy
from reference.tasks.task import START, Examples
from reference.training import loop
from reference.training.families import FAMILIES
from reference.training.settings import Run
from reference.training.state import begin

EVERY = pytest.mark.parametrize("model", Copy.families)


@pytest.fixture
def drawn(tiny):
    """drawn(model, **changes): a run, a model with numbers that tell its positions apart, and examples."""

    def drawn(model, **changes):
        run, rng = tiny(model=model, **changes), np.random.default_rng(3)
        generic = tree.map(lambda p: p + rng.normal(scale=0.3, size=p.shape), begin(run).model)
        return run, generic, loop.data(run)[0]

    return drawn


def test_what_a_decoder_reads_are_the_labels_one_position_later_after_the_start_token():
    examples = Examples(source=np.array([[4, 5]]), labels=np.array([[6, 7, 8]]))
    assert FAMILIES["encoder-decoder"].inputs(examples)["target"].tolist() == [[START, 6, 7]]
    continued = FAMILIES["decoder-only"].inputs(examples)
    assert continued["tokens"].tolist() == [[4, 5, START, 6, 7]]
    assert continued["labels"].tolist() == [[-1, -1, 6, 7, 8]]
    masked = FAMILIES["encoder-only"].inputs(examples)
    assert masked["tokens"].tolist() == [[4, 5, START, START, START]]
    assert masked["labels"].tolist() == [[-1, -1, 6, 7, 8]]


@EVERY
def test_the_loss_is_that_of_the_answer_alone(drawn, model):
    run, subject, rows = drawn(model)
    objective, inputs = run.family.objective(subject), run.family.inputs(rows)
    (d,) = objective.vjp(**inputs)[1](1.0)
    other = Examples(rows.source, 1 + rows.labels % 3)
    assert objective(**inputs) != objective(**run.family.inputs(other))
    assert any(leaf.any() for _, leaf in tree.leaves(d))


@EVERY
def test_a_model_says_what_it_would_say_with_its_own_answer_before_it(drawn, model):
    run, subject, rows = drawn(model)
    said = run.family.said(subject, rows, lambda array: array)
    again = run.family.forced(subject, dataclasses.replace(rows, labels=said), lambda array: array)
    assert said.shape == rows.labels.shape
    np.testing.assert_array_equal(said, again)


@EVERY
def test_forced_reads_the_right_tokens(drawn, model):
    run, subject, rows = drawn(model)
    forced = run.family.forced(subject, rows, lambda array: array)
    logits = subject(**{name: ids for name, ids in run.family.inputs(rows).items() if name != "labels"})
    np.testing.assert_array_equal(forced, logits[:, -3:].argmax(-1))


@pytest.mark.parametrize(("model", "kind"), [("encoder-decoder", TiedTransformer), ("decoder-only", TiedDecoderOnly)])
def test_tied_embeddings_are_one_table(tiny, model, kind):
    assert type(begin(tiny(model=model, embeddings="tied")).model) is kind


def test_every_family_says_which_settings_are_its_own():
    assert len({family.settings for family in FAMILIES.values()}) == len(FAMILIES)
    for name in Copy.families:
        assert Run.of({"model": name}).family is FAMILIES[name]


def test_every_family_is_for_some_task():
    assert {name for task in tasks.every().values() for name in task.families} == set(FAMILIES)
