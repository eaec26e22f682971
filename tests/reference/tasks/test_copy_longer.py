import numpy as np
import pytest

from reference.tasks.copy_longer import CopyLonger


def lengths(task, rows):
    return (rows != task.filler).sum(axis=1)


def test_sequences_to_judge_by_are_all_longer_than_those_to_train_on(rng):
    task = CopyLonger(length=4, longest=6, training=100, held_out=100)
    training, held_out = task.draw(rng)
    assert set(lengths(task, training.source)) == {1, 2, 3, 4}
    assert set(lengths(task, held_out.source)) == {5, 6}


def test_what_fills_a_sequence_stands_before_it_and_behind_its_answer():
    task = CopyLonger(length=2, longest=4, training=10, held_out=10)
    answers = task.answers(np.array([[9, 9, 3, 1], [9, 2, 2, 5], [4, 3, 2, 1]]))
    assert answers.tolist() == [[3, 1, 9, 9], [2, 2, 5, 9], [4, 3, 2, 1]]


def test_a_longest_that_is_not_longer_is_one_clear_line():
    with pytest.raises(ValueError, match=r"^CopyLonger: longest must be above length, 8, got 8$"):
        CopyLonger(longest=8)
