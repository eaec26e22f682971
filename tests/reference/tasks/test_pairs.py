import numpy as np
import pytest

from reference.tasks.columns import END, UNASKED
from reference.training.settings import Run


@pytest.fixture
def task(tmp_path):
    (tmp_path / "a.tsv").write_text("one\teins\ntwo\tzwei\nthree\tdrei!\nfour\tdie Vier\n")
    return lambda **entries: Run.of({"task": "pairs", "files": (str(tmp_path / "a.tsv"),), **entries}).task


def test_an_answer_is_the_second_column_and_an_end(task):
    it = task()
    training, held_out = it.draw(np.random.default_rng(0))
    assert [it.said_text(row) for row in training.labels] == ["zwei", "drei!", "die Vier"]
    assert it.said_text(held_out.labels[0]) == "eins"
    assert training.labels[0].tolist()[4:] == [END] + [UNASKED] * 4
    assert it.sizes == (5, 9)


def test_what_is_said_after_the_end_is_not_shown_and_not_judged(task):
    it = task()
    training, _ = it.draw(np.random.default_rng(0))
    said = np.where(training.asked, training.labels, 5)
    assert it.right(training, said).all()
    assert it.said_text(said[0]) == "zwei"
    said[0, 4] = 5  # goes on where it must end
    assert not it.right(training, said)[0].all()


def test_an_answer_that_is_cut_has_no_end(task):
    it = task(longest=4)
    training, _ = it.draw(np.random.default_rng(0))
    assert END not in training.labels[1:] and it.said_text(training.labels[1]) == "drei"


def test_what_a_person_asks_has_no_answer_that_is_known(task):
    row = task().asked(["three"])
    assert row.count == 0 and task().source_text(row.source[0]) == "three"
