import itertools

import numpy as np
import pytest

from reference.core import tree
from reference.training.state import PLACES, begin, generator, stream


def test_before_the_first_step_nothing_has_happened(tiny):
    state = begin(tiny())
    assert (state.step, state.records, state.optimizer.step) == (0, (), 0)


def test_moving_a_state_moves_model_and_moments_and_nothing_else(tiny):
    state = begin(tiny())
    moved = state.moved(lambda node: tree.map(lambda leaf: leaf + 1, node))
    for was, now in ((state.model, moved.model), (state.optimizer, moved.optimizer)):
        for (_, a), (_, b) in zip(tree.leaves(was), tree.leaves(now), strict=True):
            np.testing.assert_array_equal(a + 1, b)
    assert moved.losses is state.losses and moved.random is state.random


def test_a_generator_goes_on_from_where_it_was_written_down(tiny):
    rng = stream(tiny(), 2)
    rng.random(5)
    state = rng.bit_generator.state
    assert generator(state).random() == rng.random()


def test_no_two_streams_of_a_run_or_of_two_begin_alike(tiny):
    places = [(use, *place) for use, count in enumerate(PLACES) for place in itertools.product(range(3), repeat=count)]
    first = {stream(tiny(seed=seed), *place).integers(2**63) for seed in (0, 1, 3, 2**32 - 1) for place in places}
    assert len(first) == 4 * len(places)


@pytest.mark.parametrize("place", [(0, 0), (2, 0, 0), (3,), (3, 0), (3, 0, 0, 0), (4,), (4, 0, 0)])
def test_a_place_of_more_or_fewer_numbers_would_be_that_of_another(tiny, place):
    with pytest.raises(ValueError, match=rf"^stream: a place of use {place[0]} must have .*, got {len(place) - 1}$"):
        stream(tiny(), *place)


@pytest.mark.parametrize("other", [(1,), (2,), (3, 0, 1), (3, 1, 0)])
def test_every_use_has_a_generator_of_its_own(tiny, other):
    assert stream(tiny(), 0).random() != stream(tiny(), *other).random()
    assert stream(tiny(), *other).random() == stream(tiny(), *other).random() != stream(tiny(seed=1), *other).random()
