import numpy as np
import pytest

from reference.tasks.copy import Copy
from reference.tasks.task import START


def rows(examples):
    return {tuple(row) for row in examples.source.tolist()}


def test_every_sequence_can_be_asked_for(rng):
    training, held_out = Copy(length=4, training=80, held_out=1).draw(rng)
    assert len(rows(training) | rows(held_out)) == 3**4


def test_symbols_follow_the_start_token_and_all_occur(rng):
    training, _ = Copy(length=4, training=20, held_out=15).draw(rng)
    assert set(training.source.ravel().tolist()) == {START + 1, START + 2, START + 3}


def test_labels_are_the_source(rng):
    training, _ = Copy(length=4, training=20, held_out=15).draw(rng)
    np.testing.assert_array_equal(training.labels, training.source)


@pytest.mark.parametrize(("length", "vocabulary"), [(3, 4), (60, 2)])
def test_the_first_of_equal_sequences_stays_in_the_order_in_which_they_are_drawn(length, vocabulary):
    task = Copy(vocabulary=vocabulary, length=length, training=20, held_out=20)
    training, held_out = task.draw(np.random.default_rng(5))
    rng, seen = np.random.default_rng(5), {}
    while len(seen) < 40:
        seen |= dict.fromkeys(map(tuple, rng.integers(1, vocabulary + 1, (40, length)).tolist()))
    assert [*training.source.tolist(), *held_out.source.tolist()] == [list(row) for row in list(seen)[:40]]


def test_enough_is_known_without_counting_all_sequences():
    assert Copy(vocabulary=10**8, length=10**8).possible >= 2000  # the number of all has 800,000,000 digits
