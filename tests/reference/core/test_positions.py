import numpy as np
import pytest

from reference.layers.learned import LearnedPositions
from reference.layers.sinusoidal import SinusoidalPositions, sinusoidal

D = 5


def layers(rng):
    return LearnedPositions(rng.normal(size=(6, D))), SinusoidalPositions()


def test_positions_are_counted_from_the_start_of_each_row(rng):
    x, starts = rng.normal(size=(2, 6, D)), np.array([0, 4])
    for layer in layers(rng):
        cache = layer.cache(2, 6, starts=starts)
        y = np.concatenate([layer.step(x[:, at : at + 2], cache) for at in (0, 2, 4)], axis=1)
        assert np.array_equal(y[:1], layer(x[:1])) and np.array_equal(y[1:, 4:], layer(x[1:, 4:]))


def test_sinusoids_are_made_once(rng):
    layer, x = SinusoidalPositions(), rng.normal(size=(1, 1, D)).astype(np.float32)
    cache = layer.cache(1, 6)
    layer.step(x, cache)
    table = cache.table
    layer.step(x, cache)
    assert cache.table is table and table.dtype == np.float32 and np.array_equal(table, sinusoidal(6, D))


def test_a_prompt_longer_than_the_positions_is_one_line(rng):
    message = r"^LearnedPositions\.cache: room must be at most the 6 positions of the table, got 7$"
    with pytest.raises(ValueError, match=message):
        layers(rng)[0].cache(1, 7)


@pytest.mark.parametrize(("shape", "message"), [
    ((3, 1, D), r"x must have the batch of the cache, 2, got 3"),
    ((2, 5, D), r"x must fit in the cache's room of 4 positions, got 5"),
])  # fmt: skip
def test_what_does_not_fit_is_one_line(rng, shape, message):
    for layer in layers(rng):
        with pytest.raises(ValueError, match=rf"^{type(layer).__name__}\.step: {message}$"):
            layer.step(rng.normal(size=shape), layer.cache(2, 4))


def test_the_cache_of_another_layer_is_refused(rng):
    one, other = LearnedPositions(np.ones((3, D))), LearnedPositions(np.ones((3, D)))
    with pytest.raises(ValueError, match=r"^LearnedPositions\.step: cache must be one that this layer made"):
        one.step(np.zeros((1, 1, D)), other.cache(1, 3))
    with pytest.raises(TypeError, match=r"^SinusoidalPositions\.step: cache must be what cache"):
        SinusoidalPositions().step(np.zeros((1, 1, D)), ())
