import numpy as np
import pytest

from reference.core import tree
from reference.data.errors import DataError
from reference.layers.classification_head import ClassificationHead
from reference.tasks.task import START
from reference.training.settings import Run
from reference.training.state import begin


@pytest.fixture
def run(tmp_path):
    (tmp_path / "a.tsv").write_text("good day\tyes\nbad\tno\nsoso\tperhaps\nfine\tyes\n")
    return Run.of({"task": "classify", "files": (str(tmp_path / "a.tsv"),), "width": 8, "heads": 2})


def test_a_label_is_the_place_of_a_class_among_all(run):
    assert run.task.classes == ("no", "perhaps", "yes") and run.task.choices == 3
    training, held_out = run.task.draw(np.random.default_rng(0))
    assert training.labels.tolist() == [[0], [1], [2]] and held_out.labels.tolist() == [[2]]
    assert run.task.said_text(held_out.labels[0]) == "yes"


def test_every_source_begins_with_the_start_token(run):
    training, _ = run.task.draw(np.random.default_rng(0))
    assert (training.source[:, 0] == START).all() and run.task.sizes == (9, 1)


def test_the_model_says_one_thing_of_a_text_whatever_fills_it_up(run):
    model = tree.map(lambda p: p + np.random.default_rng(3).normal(scale=0.3, size=p.shape), begin(run).model)
    training, _ = run.task.draw(np.random.default_rng(0))
    assert isinstance(model.head, ClassificationHead)
    inputs = run.family.inputs(training)
    logits = model(tokens=inputs["tokens"], mask=inputs["mask"])
    assert logits.shape == (3, 3)
    alone = run.task.source_ids("bad")[None]
    np.testing.assert_allclose(model(tokens=alone)[0], logits[0], rtol=1e-6, atol=1e-12)  # sums in another order
    said = run.family.said(model, training, lambda array: array)
    assert said.tolist() == logits.argmax(axis=1)[:, None].tolist()
    assert run.family.forced(model, training, lambda array: array).tolist() == said.tolist()


def test_one_class_for_all_texts_is_one_clear_line(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("good\tyes\nfine\tyes\n")
    with pytest.raises(DataError) as error:
        Run.of({"task": "classify", "files": (str(path),)})
    assert str(error.value) == f"{path}: must have two different classes in its second column, got 1"
