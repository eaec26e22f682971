import dataclasses
import tracemalloc

import numpy as np
import pytest
import sized

from reference.core import tree
from reference.functions.blockwise import LONG
from reference.models.decoder_only import DecoderOnly
from reference.optimizers.adam import Adam
from reference.optimizers.sgd import SGD
from reference.scaling.memory import cache, residuals, state


@pytest.mark.parametrize("name", sized.SETTINGS)
@pytest.mark.parametrize(("optimizer", "moments"), [(Adam(), 2), (SGD(), 0)])
def test_the_state_is_that_of_the_arrays(name, optimizer, moments, rng):
    settings = sized.SETTINGS[name]
    model = sized.drawn(settings, rng)
    new, kept = optimizer.step(model, model, optimizer.init(model), 0.1)  # the model in place of its gradient
    once = sum(leaf.nbytes for node in (new, kept) for _, leaf in tree.leaves(node))
    gradient = sum(leaf.nbytes for _, leaf in tree.leaves(model))
    assert state(settings, moments) == 2 * once + gradient


def kept(settings, rng, batch, read, said):
    """Bytes that a forward pass leaves behind while its pullback is there."""
    objective = sized.family(settings).objective(sized.drawn(settings, rng))
    inputs = sized.inputs(settings, rng, batch, read, said)
    objective.vjp(**inputs)[1](1.0)  # what is made once and stays
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        _, pullback = objective.vjp(**inputs)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    pullback(1.0)
    return after - before


@pytest.mark.parametrize("name", sized.SETTINGS)
@pytest.mark.parametrize(("read", "said"), [(16, 16), (90, 6), (6, 90)])
def test_a_forward_pass_keeps_at_least_this_and_at_most_twice_as_much(name, read, said, rng):
    settings = sized.SETTINGS[name]
    changes = {"width": 48, "vocabulary": 50} | ({} if hasattr(settings, "encoder_layers") else {"length": 100})
    settings = dataclasses.replace(settings, **changes)
    least = 4 * residuals(settings, read, said)
    assert least <= kept(settings, rng, 4, read, said) <= 2 * least


@pytest.mark.parametrize("name", ["decoder", "decoder, 2 groups", "decoder, window"])
def test_a_cache_takes_these_bytes(name, rng):
    settings = sized.SETTINGS[name]
    made = DecoderOnly.init(rng, settings).cache(2, 10)
    rings = list(found(made))
    assert len(rings) == settings.layers
    assert sum(ring.k.nbytes + ring.v.nbytes for ring in rings) == 2 * cache(settings, 10)


def found(node):
    """The caches of keys and values in a cache."""
    if hasattr(node, "k"):
        yield node
    for part in getattr(node, "parts", node if isinstance(node, tuple) else ()):
        yield from found(part)


def test_attention_in_blocks_keeps_no_table():
    settings = dataclasses.replace(sized.SETTINGS["decoder"], length=LONG)
    long, short = residuals(settings, 0, LONG), residuals(settings, 0, LONG - 1)
    assert long < short / 4


def test_bad_input_is_one_clear_line():
    settings = sized.SETTINGS["decoder"]
    with pytest.raises(ValueError, match="state: moments must be at least 0, got -1"):
        state(settings, -1)
    with pytest.raises(ValueError, match="residuals: said must be at least 0, got -3"):
        residuals(settings, 3, -3)
    with pytest.raises(TypeError, match="residuals: settings must be those of a family of models, got NoneType"):
        residuals(None, 3, 3)
    with pytest.raises(ValueError, match="cache: room must be at least 1, got 0"):
        cache(settings, 0)
    with pytest.raises(TypeError, match="cache: room must be a whole number, got"):
        cache(settings, np.float64(3))
