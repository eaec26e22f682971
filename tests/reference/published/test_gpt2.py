import dataclasses
import json

import numpy as np
import pytest

from reference.core import tree
from reference.functions.gelu import gelu_vjp
from reference.layers.layernorm import LayerNorm
from reference.layers.rotary import Rotary
from reference.published import folder, gpt2, tensors
from reference.published.parts import ACTIVATIONS


def within(model, attention=None, **changes):
    """Return the model with other fields in the first block's parts."""
    first, *others = model.stack.blocks
    inner = dataclasses.replace(first.attention.inner, **(attention or {}))
    first = dataclasses.replace(first, attention=dataclasses.replace(first.attention, inner=inner, **changes))
    return dataclasses.replace(model, stack=dataclasses.replace(model.stack, blocks=(first, *others)))


def test_the_names_of_openai_lack_the_first_word_and_come_with_masks(example, tmp_path):
    _, model = example
    gpt2.save(model, tmp_path)
    arrays = tensors.read(tmp_path / folder.TENSORS)
    arrays = {name.removeprefix("transformer."): array for name, array in arrays.items()}
    ones = np.ones((1, 1, 9, 9), np.float32)
    masks = {f"h.{i}.attn.{name}": ones for i in range(2) for name in ("bias", "masked_bias")}
    tensors.write(tmp_path / folder.TENSORS, arrays | masks)
    for (_, one), (_, other) in zip(tree.leaves(model), tree.leaves(gpt2.load(tmp_path)), strict=True):
        assert (one == other).all()


def test_query_key_and_value_are_one_tensor_side_by_side(example):
    family, model = example
    inner = model.stack.blocks[1].attention.inner
    joint = family.tensors(model)["transformer.h.1.attn.c_attn.weight"]
    assert (joint == np.concatenate([inner.query.w, inner.key.w, inner.value.w], axis=1)).all()


def test_epsilon_shares_and_activation_are_kept(example, tmp_path, edit):
    family, model = example
    gpt2.save(model, tmp_path)
    other = {"layer_norm_epsilon": 1e-3, "activation_function": "gelu"}
    edit(tmp_path, **other, attn_pdrop=0.2, resid_pdrop=0.0, embd_pdrop=0.3)
    loaded = gpt2.load(tmp_path)
    block = loaded.stack.blocks[1]
    assert block.attention.norm.eps == loaded.stack.norm.eps == 1e-3
    assert block.feedforward.inner.activation is gelu_vjp
    assert (block.attention.inner.dropout, block.attention.drop, loaded.dropout) == (0.2, None, 0.3)
    assert family.describe(loaded).items() >= other.items()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"activation_function": "mish"}, "must be one of " + ", ".join(map(repr, ACTIVATIONS)) + ", got 'mish'"),
        ({"scale_attn_weights": False}, "'scale_attn_weights' must be True, got False"),
        ({"scale_attn_by_inverse_layer_idx": True}, "must be False, got True"),
        ({"add_cross_attention": True}, "must be False, got True"),
        ({"n_head": 3}, "'n_head' must be a divisor of the width 8, got 3"),
        ({"attn_pdrop": 1}, "'attn_pdrop' must be a number in [0, 1), got 1"),
        ({"n_positions": None}, "must have an entry 'n_positions', got none"),
    ],
)
def test_a_config_of_another_mathematics_is_refused(example, tmp_path, refused, edit, entries, said):
    _, model = example
    gpt2.save(model, tmp_path)
    edit(tmp_path, **entries)
    assert refused(gpt2.load, tmp_path).endswith(said)


def test_a_model_that_is_no_gpt2_is_not_saved(example, tmp_path, refused):
    _, model = example
    for other in (
        within(model, norm=LayerNorm(np.ones(8, np.float32), np.ones(8, np.float32), 1e-3)),
        within(model, {"rotary": Rotary()}),
        within(model, {"window": 3}),
        dataclasses.replace(model, positions=None),
    ):
        assert refused(gpt2.save, other, tmp_path / "none").startswith("GPT-2: must be ")
    assert not (tmp_path / "none").exists()


def test_the_config_says_what_others_read(example, tmp_path):
    _, model = example
    gpt2.save(model, tmp_path)
    config = json.loads((tmp_path / folder.CONFIG).read_text())
    said = ("architectures", "model_type", "n_embd", "n_inner", "tie_word_embeddings", "dtype")
    assert [config[name] for name in said] == [["GPT2LMHeadModel"], "gpt2", 8, 32, True, "float32"]
