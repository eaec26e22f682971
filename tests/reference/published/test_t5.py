import dataclasses
import json

import numpy as np
import pytest

from reference.core import tree
from reference.functions.gelu import gelu_vjp
from reference.functions.gelu_tanh import gelu_tanh_vjp
from reference.layers.relative import RelativePositions
from reference.layers.sinusoidal import SinusoidalPositions
from reference.published import folder, t5, tensors
from reference.published.config import Config

SIZES = {"vocab_size": 11, "d_model": 8, "d_kv": 3, "num_heads": 4, "d_ff": 6, "num_layers": 2}


def made(rng, **entries):
    blank = t5.blank(Config("config.json", SIZES | entries))
    return tree.map(lambda p: rng.normal(size=p.shape).astype(np.float32), blank)


@pytest.fixture
def model(rng):
    return made(rng)


def same(one, other):
    pairs = zip(tree.leaves(one), tree.leaves(other), strict=True)
    return all(name == other_name and (a == b).all() for (name, a), (other_name, b) in pairs)


def rewritten(path, change):
    arrays = tensors.read(path / folder.TENSORS)
    tensors.write(path / folder.TENSORS, change(arrays))


def within(model, **changes):
    """Return the model with another encoder's self-attention in its first block."""
    stack = model.body.encoder.stack
    first, *others = stack.blocks
    inner = dataclasses.replace(first.attention.inner, **changes)
    first = dataclasses.replace(first, attention=dataclasses.replace(first.attention, inner=inner))
    stack = dataclasses.replace(stack, blocks=(first, *others))
    encoder = dataclasses.replace(model.body.encoder, stack=stack)
    return dataclasses.replace(model, body=dataclasses.replace(model.body, encoder=encoder))


def test_the_table_may_stand_in_every_place_and_positions_of_the_memory_are_passed_over(model, tmp_path):
    t5.save(model, tmp_path)
    places = "lm_head", "encoder.embed_tokens", "decoder.embed_tokens"
    copies = {f"{place}.weight": model.vocabulary.table for place in places}
    unread = {t5.UNREAD: np.ones((32, 4), np.float32)}
    rewritten(tmp_path, lambda arrays: arrays | copies | unread)
    assert same(t5.load(tmp_path), model)


def test_another_output_than_the_table_is_refused_where_the_config_ties_them(model, tmp_path, refused):
    t5.save(model, tmp_path)
    rewritten(tmp_path, lambda arrays: arrays | {"lm_head.weight": model.vocabulary.table + 1})
    said = "'lm_head.weight' must be 'shared.weight' once more, since the config ties the two, got another"
    assert refused(t5.load, tmp_path).endswith(said)


def test_later_versions_have_an_output_of_their_own_and_no_factor(rng, tmp_path):
    later = made(rng, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    t5.save(later, tmp_path)
    loaded = t5.load(tmp_path)
    assert same(loaded, later) and loaded.output is not None and loaded.output_scale == 1
    assert loaded.body.encoder.stack.blocks[0].feedforward.inner.activation is gelu_tanh_vjp is not gelu_vjp


def test_the_factor_of_the_output_is_that_of_the_config(rng):
    assert made(rng).output_scale == 8**-0.5
    assert made(rng, scale_decoder_outputs=False).output_scale == 1


def test_each_stack_has_one_table_and_the_keys_a_width_of_their_own(model):
    stacks = model.body.encoder, model.body.decoder
    assert [stack.relative.table.shape for stack in stacks] == [(32, 4)] * 2
    assert [stack.relative.both for stack in stacks] == [True, False]
    assert model.body.encoder.stack.blocks[0].attention.inner.query.w.shape == (8, 12)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"feed_forward_proj": "gelu"}, "'feed_forward_proj' must be one of 'relu', 'gated-gelu', got 'gelu'"),
        (
            {"tie_word_embeddings": False, "scale_decoder_outputs": True},
            "'scale_decoder_outputs' must be false where the output is no embedding, got True",
        ),
        ({"relative_attention_num_buckets": 3}, "RelativePositions: table must have at least 4 buckets, got 3"),
        (
            {"relative_attention_max_distance": 8},
            "RelativePositions: far must be above 8, the distances with a bucket each, got 8",
        ),
        ({"d_kv": None}, "must have an entry 'd_kv', got none"),
        ({"num_decoder_layers": 0}, "'num_decoder_layers' must be a whole number above 0, got 0"),
    ],
)
def test_a_config_of_another_mathematics_is_refused(model, tmp_path, refused, edit, entries, said):
    t5.save(model, tmp_path)
    edit(tmp_path, **entries)
    assert refused(t5.load, tmp_path).endswith(said)


def test_a_model_that_is_no_t5_is_not_saved(model, tmp_path, refused):
    other = RelativePositions(model.body.decoder.relative.table, both=True)
    decoder = dataclasses.replace(model.body.decoder, relative=other)
    for wrong in (
        dataclasses.replace(model, scale=None),
        dataclasses.replace(model, output_scale=0.5),
        dataclasses.replace(model, bias=np.zeros(11, np.float32)),
        dataclasses.replace(model, body=dataclasses.replace(model.body, positions=SinusoidalPositions())),
        dataclasses.replace(model, body=dataclasses.replace(model.body, decoder=decoder)),
        within(model, scale=None),
        within(model, causal=True),
    ):
        assert refused(t5.save, wrong, tmp_path / "none").startswith("T5: must be ")
    assert not (tmp_path / "none").exists()


def test_the_config_says_what_others_read(model, tmp_path):
    t5.save(model, tmp_path)
    config = json.loads((tmp_path / folder.CONFIG).read_text())
    said = ("architectures", "model_type", "num_layers", "num_decoder_layers", "feed_forward_proj", "d_kv", "dtype")
    assert [config[name] for name in said] == [["T5ForConditionalGeneration"], "t5", 2, 2, "relu", 3, "float32"]
