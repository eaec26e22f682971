import numpy as np
import pytest

from reference.job.tasks.copy import START, Examples, expect_enough, split


def sizes(**changes):
    return {"vocabulary": 3, "length": 4, "training": 20, "held_out": 15} | changes


def rows(examples):
    return {tuple(row) for row in examples.source.tolist()}


def test_no_sequence_occurs_twice_nor_in_both_halves(rng):
    training, held_out = split(rng, **sizes())
    assert len(rows(training)) == len(training) == 20
    assert len(rows(held_out)) == len(held_out) == 15
    assert not rows(training) & rows(held_out)


def test_every_sequence_can_be_asked_for(rng):
    training, held_out = split(rng, **sizes(training=80, held_out=1))
    assert len(rows(training) | rows(held_out)) == 3**4


def test_symbols_follow_the_start_token_and_all_occur(rng):
    training, _ = split(rng, **sizes())
    assert set(training.source.ravel().tolist()) == {START + 1, START + 2, START + 3}


def test_labels_are_the_source_and_the_decoder_reads_them_one_position_later(rng):
    training, _ = split(rng, **sizes())
    np.testing.assert_array_equal(training.labels, training.source)
    assert (training.target[:, 0] == START).all()
    np.testing.assert_array_equal(training.target[:, 1:], training.labels[:, :-1])


def test_one_generator_state_gives_one_split():
    one, other = (split(np.random.default_rng(3), **sizes()) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.source, b.source)


def test_shuffled_gives_each_label_to_another_source(rng):
    training, _ = split(rng, **sizes())
    shuffled = training.shuffled(rng)
    np.testing.assert_array_equal(shuffled.source, training.source)
    assert sorted(shuffled.labels.tolist()) == sorted(training.labels.tolist())
    assert (shuffled.labels != training.labels).any(axis=1).sum() > 10
    np.testing.assert_array_equal(shuffled.target[:, 1:], shuffled.labels[:, :-1])


def test_rows_are_taken_together():
    examples = Examples(source=np.arange(6).reshape(3, 2), labels=np.arange(6, 12).reshape(3, 2))
    some = examples[np.array([2, 0])]
    assert len(some) == 2
    assert some.source.tolist() == [[4, 5], [0, 1]]
    assert some.labels.tolist() == [[10, 11], [6, 7]]


def test_too_few_distinct_sequences_is_one_clear_line(rng):
    message = r"^training and held-out must add up to at most 81, all sequences of length 4 from 3 symbols, got 1,020$"
    with pytest.raises(ValueError, match=message):
        split(rng, **sizes(training=1000, held_out=20))


@pytest.mark.parametrize(("length", "vocabulary"), [(3, 4), (60, 2)])
def test_the_first_of_equal_sequences_stays_in_the_order_in_which_they_are_drawn(length, vocabulary):
    given = sizes(vocabulary=vocabulary, length=length, held_out=20)
    training, held_out = split(np.random.default_rng(5), **given)
    rng, seen = np.random.default_rng(5), {}
    while len(seen) < 40:
        seen |= dict.fromkeys(map(tuple, rng.integers(1, vocabulary + 1, (40, length)).tolist()))
    assert [*training.source.tolist(), *held_out.source.tolist()] == [list(row) for row in list(seen)[:40]]


def test_enough_is_known_without_counting_all_sequences():
    assert expect_enough(10**8, 10**8, 10**8) is None  # the number of all has 800,000,000 digits
