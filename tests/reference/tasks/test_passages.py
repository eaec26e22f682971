import numpy as np
import pytest

from reference.tasks.passages import Anywhere, Spread

IDS = np.arange(100, 200, dtype=np.uint16)


def test_what_is_said_is_what_is_read_one_token_later():
    rows = Anywhere(IDS, 4)[np.array([0, 7, 95])]
    assert rows.source.shape == (3, 0)
    assert rows.target.tolist() == [[100, 101, 102, 103], [107, 108, 109, 110], [195, 196, 197, 198]]
    assert rows.labels.tolist() == [[101, 102, 103, 104], [108, 109, 110, 111], [196, 197, 198, 199]]
    assert rows.labels.dtype == np.int64 and rows.count == 12


def test_rows_are_taken_with_the_token_before_them():
    rows = Anywhere(IDS, 4)[np.array([0, 7, 95])][1:]
    assert rows.target[:, 0].tolist() == [107, 195]


def test_every_passage_can_begin_an_epoch_and_none_goes_beyond_the_text(rng):
    every = Anywhere(IDS, 90)
    starts = every.order(rng, 500)
    assert len(starts) == 500 and set(starts) == set(range(10)) and len(every) == 10
    assert every[starts].labels.max() == 199


def test_the_same_generator_draws_the_same_places():
    drawn = [Anywhere(IDS, 4).order(np.random.default_rng(5), 6).tolist() for _ in range(2)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("length", [4, 7, 98, 99])
def test_passages_to_judge_by_are_the_whole_text_where_there_is_room(length):
    spread = Spread(Anywhere(IDS, length), 1000)
    labels = spread[:].labels
    assert len(labels) == len(spread) == 99 // length
    assert labels.ravel().tolist() == list(range(101, 101 + labels.size))


@pytest.mark.parametrize("most", [1, 3, 5])
def test_fewer_are_spread_over_all_of_it(most):
    spread = Spread(Anywhere(IDS, 4), most)
    starts = spread[:].target[:, 0]
    assert len(starts) == len(spread) == most
    assert starts[0] == 100 and (most == 1 or starts[-1] == 195)
    assert most < 3 or np.ptp(np.diff(starts)) <= 1  # as equal as whole numbers can be
    assert spread[1:].target[:, 0].tolist() == starts[1:].tolist()
