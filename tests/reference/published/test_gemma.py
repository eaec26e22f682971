import dataclasses
import json

import numpy as np
import pytest

from reference.core import tree
from reference.layers.rotary import Rotary
from reference.published import folder, gemma, tensors
from reference.published.config import Config

SIZES = {
    "vocab_size": 11, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 6,
}  # fmt: skip
FAMILIES = {"gemma": gemma.GEMMA, "gemma2": gemma.GEMMA_2}


def made(rng, kind="gemma2", **entries):
    blank = gemma.blank(Config("config.json", {"model_type": kind, **SIZES, **entries}))
    return tree.map(lambda p: rng.normal(size=p.shape).astype(np.float32), blank)


@pytest.fixture(params=FAMILIES)
def both(request, rng):
    return FAMILIES[request.param], made(rng, request.param)


def within(model, **changes):
    """Return the model with another attention in its first block."""
    first, *others = model.stack.blocks
    inner = dataclasses.replace(first.attention.inner, **changes)
    first = dataclasses.replace(first, attention=dataclasses.replace(first.attention, inner=inner))
    return dataclasses.replace(model, stack=dataclasses.replace(model.stack, blocks=(first, *others)))


def test_what_older_files_hold_besides_is_passed_over_and_the_output_must_be_the_table(both, tmp_path, refused):
    family, model = both
    family.save(model, tmp_path)
    arrays = tensors.read(tmp_path / folder.TENSORS)
    besides = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(3, np.float32),
        "lm_head.weight": model.vocabulary.table,
    }
    tensors.write(tmp_path / folder.TENSORS, arrays | besides)
    for (_, one), (_, other) in zip(tree.leaves(model), tree.leaves(family.load(tmp_path)), strict=True):
        assert (one == other).all()
    tensors.write(tmp_path / folder.TENSORS, arrays | {"lm_head.weight": model.vocabulary.table + 1})
    said = "'lm_head.weight' must be 'model.embed_tokens.weight' once more, since the config ties the two, got another"
    assert refused(family.load, tmp_path).endswith(said)


def test_gains_are_kept_as_they_lie_there_and_counted_from_1(both):
    family, model = both
    norm = model.stack.norm
    assert norm.offset == 1 and (family.tensors(model)["model.norm.weight"] == norm.gamma).all()


def test_embeddings_are_scaled_by_the_root_of_the_width(both):
    assert both[1].scale == 8**0.5


def test_gemma_2_has_a_window_in_every_other_block_caps_and_norms_behind(rng):
    model = made(rng, sliding_window=5, query_pre_attn_scalar=24)
    attentions = [block.attention.inner for block in model.stack.blocks]
    assert [each.window for each in attentions] == [5, None, 5]
    assert {each.cap for each in attentions} == {50.0} and model.cap == 30.0
    assert {each.scale for each in attentions} == {24**-0.5}
    assert all(block.feedforward.after is not None for block in model.stack.blocks)
    plain = made(rng, "gemma")
    assert plain.cap is None and plain.stack.blocks[0].attention.after is None


def test_gelu_is_the_one_by_tanh_by_either_name(rng):
    assert repr(made(rng, "gemma", hidden_act="gelu")) == repr(made(rng, "gemma", hidden_activation=None))


@pytest.mark.parametrize(
    ("kind", "entries", "said"),
    [
        ("gemma", {"hidden_act": "relu"}, "'hidden_act' must be one of 'gelu_pytorch_tanh', 'gelu', got 'relu'"),
        ("gemma2", {"hidden_activation": "gelu"}, "'hidden_activation' must be 'gelu_pytorch_tanh', got 'gelu'"),
        ("gemma", {"tie_word_embeddings": False}, "'tie_word_embeddings' must be True, got False"),
        ("gemma2", {"use_bidirectional_attention": True}, "must be False, got True"),
        ("gemma2", {"attn_logit_softcapping": 0}, "'attn_logit_softcapping' must be above 0, or null, got 0.0"),
        ("gemma2", {"final_logit_softcapping": "no"}, "must be a number in [0, inf), got 'no'"),
        ("gemma2", {"layer_types": ["full_attention"]}, "3 times full_attention or sliding_attention, got ['full_at"),
        ("gemma2", {"query_pre_attn_scalar": 0}, "'query_pre_attn_scalar' must be a whole number above 0, got 0"),
        ("gemma", {"num_key_value_heads": 3}, "key_value_heads must divide the heads 4, got 3"),
        ("gemma", {"head_dim": 5}, "the head width must be even, got 5"),
    ],
)
def test_a_config_of_another_mathematics_is_refused(rng, tmp_path, refused, edit, kind, entries, said):
    FAMILIES[kind].save(made(rng, kind), tmp_path)
    edit(tmp_path, **entries)
    assert said in refused(FAMILIES[kind].load, tmp_path)


def test_a_model_that_is_none_is_not_saved(both, tmp_path, refused):
    family, model = both
    norm = dataclasses.replace(model.stack.norm, offset=0.0)
    for other in (
        dataclasses.replace(model, scale=1.0),
        dataclasses.replace(model, stack=dataclasses.replace(model.stack, norm=norm)),
        within(model, alibi=True),
        within(model, rotary=Rotary(77.0, 2.0)),
    ):
        assert refused(family.save, other, tmp_path / "none").startswith(f"{family.title}: must be ")
    assert not (tmp_path / "none").exists()


def test_the_config_says_what_others_read(rng, tmp_path):
    gemma.GEMMA_2.save(made(rng, sliding_window=5), tmp_path)
    config = json.loads((tmp_path / folder.CONFIG).read_text())
    said = ("architectures", "model_type", "query_pre_attn_scalar", "sliding_window", "attn_logit_softcapping", "dtype")
    assert [config[name] for name in said] == [["Gemma2ForCausalLM"], "gemma2", 256, 5, 50.0, "float32"]
    assert config["layer_types"] == ["sliding_attention", "full_attention", "sliding_attention"]
