import numpy as np
import pytest

from reference.tasks.recall import Recall


def test_the_answer_is_the_key_that_is_asked_for_and_the_value_behind_it():
    task = Recall(pairs=3)
    source = task.read(["a", "4", "c", "7", "b", "1", "c"])
    assert [task.name_of(int(token)) for token in task.answers(source[None])[0]] == ["c", "7"]


def test_keys_of_a_sequence_differ_and_one_of_them_is_asked_for(rng):
    for row in Recall().sources(rng, 50):
        keys = row[:-1:2]
        assert len(set(keys)) == 8 and row[-1] in keys
        assert (keys <= 16).all() and (row[1::2] > 16).all()


def test_fewer_keys_than_pairs_is_one_clear_line():
    with pytest.raises(ValueError, match=r"^Recall: keys must be at least as many as pairs, 8, got 7$"):
        Recall(keys=7)


def test_keys_and_values_are_told_apart_when_read():
    names = [Recall(keys=60).name_of(token) for token in range(1, 77)]
    assert len(set(names)) == 76
    np.testing.assert_array_equal(names[:2] + names[25:27] + names[60:62], ["a", "b", "z", "a1", "1", "2"])
