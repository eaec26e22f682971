import numpy as np
import pytest

from reference.core.families import BlockSettings, DecoderOnlySettings, TransformerSettings
from reference.core.steps import expect_tokens
from reference.layers.dropout import Dropout
from reference.layers.layernorm import LayerNorm
from reference.layers.residual import PreNorm
from reference.models.decoder import Decoder
from reference.models.decoder_only import DecoderOnly
from reference.models.encoder import Stack
from reference.models.tied import TiedTransformer
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.models.transformer import Transformer


def decoder_only(rng):
    settings = DecoderOnlySettings.gpt(vocabulary=7, length=6, width=8, heads=2, hidden=6, layers=1)
    return DecoderOnly.init(rng, settings)


def test_a_memory_is_projected_once(rng):
    decoder = Decoder.init(rng, BlockSettings(width=8, heads=2, hidden=6), 2)
    memory = rng.normal(size=(2, 5, 8)).astype(np.float32)
    cache = decoder.cache(2, 4, memory)
    memory[...] = np.nan
    assert np.isfinite(decoder.step(rng.normal(size=(2, 3, 8)).astype(np.float32), cache)).all()


@pytest.mark.parametrize(("tokens", "error", "message"), [
    (np.zeros((3, 1), int), ValueError, "tokens must have the batch of the cache, 2, got 3"),
    (np.zeros((2, 5), int), ValueError, "tokens must fit in the cache's room of 4 positions, got 5"),
    (np.array([[1], [7]]), ValueError, r"tokens must lie in \[0, 7\), got 7 at \(1, 0\)"),
    (np.zeros((2, 1)), TypeError, "tokens must be an integer array, got float64"),
    (np.zeros(2, int), ValueError, r"tokens must have shape \(B, T\), got \(2,\)"),
])  # fmt: skip
def test_what_does_not_fit_is_one_line_and_leaves_the_cache_as_it_was(rng, tokens, error, message):
    model = decoder_only(rng)
    for layer in (model, TiedDecoderOnly.tie(model)):
        cache = layer.cache(2, 4)
        with pytest.raises(error, match=rf"^DecoderOnly\.step: {message}$"):
            layer.step(tokens, cache)
        some = rng.integers(7, size=(2, 4))
        np.testing.assert_allclose(layer.step(some, cache), layer(tokens=some), rtol=0, atol=1e-4)  # of float32


def test_a_cache_longer_than_the_positions_is_refused_before_any_step(rng):
    message = r"^LearnedPositions\.cache: room must be at most the 6 positions of the table, got 7$"
    for model in (decoder_only(rng), TiedDecoderOnly.tie(decoder_only(rng))):
        with pytest.raises(ValueError, match=message):
            model.cache(2, 7)


def test_the_cache_of_another_model_is_refused(rng):
    for make in (decoder_only, lambda rng: TiedDecoderOnly.tie(decoder_only(rng))):
        one, other = make(rng), make(rng)
        with pytest.raises(ValueError, match=r"step: cache must be one that this layer made, got one of another \w+$"):
            one.step(np.zeros((2, 1), int), other.cache(2, 3))
        with pytest.raises(TypeError, match=r"step: cache must be what cache\(batch, room\) returned, got NoneType$"):
            one.step(np.zeros((2, 1), int), None)


def test_the_memory_of_another_batch_is_refused(rng):
    memory = np.zeros((3, 5, 8), np.float32)
    for kind, embeddings in ((Transformer, "separate"), (TiedTransformer, "tied")):
        settings = TransformerSettings(vocabulary=7, width=8, heads=2, hidden=6, embeddings=embeddings)
        with pytest.raises(ValueError, match=r"memory must have shape \(2, S, 8\), got \(3, 5, 8\)$"):
            kind.init(rng, settings).cache(2, 4, memory)


def test_a_stack_with_a_part_that_cannot_step_has_no_cache(rng):
    stack = Stack((PreNorm(LayerNorm.init(8), Dropout(0.5)),), None)
    with pytest.raises(TypeError, match=r"^PreNorm\.cache: a part must have a method step, or ready .*, got Dropout$"):
        stack.cache(2, 3)


def test_tokens_must_be_ids_of_two_axes():
    expect_tokens("A", np.zeros((2, 0), int), 3)
    with pytest.raises(ValueError, match=r"^A: tokens must lie in \[0, 3\), got -1 at \(0, 0\)$"):
        expect_tokens("A", np.array([[-1]]), 3)
