import numpy as np
import pytest

from reference.core import tree
from reference.training.state import begin, generator, stream


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


@pytest.mark.parametrize("other", [(1,), (2,), (3, 0, 1), (3, 1, 0)])
def test_every_use_has_a_generator_of_its_own(tiny, other):
    assert stream(tiny(), 0).random() != stream(tiny(), *other).random()
    assert stream(tiny(), *other).random() == stream(tiny(), *other).random() != stream(tiny(seed=1), *other).random()
