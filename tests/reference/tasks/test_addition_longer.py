import numpy as np
import pytest

from reference.tasks.addition_longer import AdditionLonger


def numbers(task, source):
    words = ("".join(task.name_of(int(token)) for token in row) for row in source)
    return [tuple(map(int, text.split("+"))) for text in words]


def test_numbers_to_train_on_are_short_and_one_of_each_to_judge_by_is_longer(rng):
    task = AdditionLonger(digits=2, longest=4, training=200, held_out=200)
    training, held_out = task.draw(rng)
    assert max(max(pair) for pair in numbers(task, training.source)) in range(90, 100)
    assert all(max(pair) >= 100 for pair in numbers(task, held_out.source))
    for pair, answer in zip(numbers(task, held_out.source), held_out.labels, strict=True):
        assert sum(pair) == int("".join(str(token - 1) for token in answer[::-1]))


def test_a_longest_that_is_not_longer_is_one_clear_line():
    with pytest.raises(ValueError, match=r"^AdditionLonger: longest must be above digits, 3, got 3$"):
        AdditionLonger(longest=3)


def test_sources_and_answers_have_room_for_the_longest():
    task = AdditionLonger()
    assert task.sizes == (11, 6)
    assert task.answers(np.full((1, 11), 1)).tolist() == [[1] * 6]
