import dataclasses
import json

import numpy as np
import pytest

from reference.core import tree
from reference.core.families import DecoderOnlySettings
from reference.layers.dropout import Dropout
from reference.layers.rmsnorm import RMSNorm
from reference.models.decoder_only import DecoderOnly
from reference.published import folder, llama, tensors


@pytest.fixture
def model(rng):
    sizes = {"vocabulary": 11, "width": 8, "heads": 4, "layers": 2, "hidden": 6, "key_value_heads": 2}
    return DecoderOnly.init(rng, DecoderOnlySettings.llama(**sizes))


def test_maps_are_transposed(model):
    there = llama.LLAMA.tensors(model)
    query = model.stack.blocks[1].attention.inner.query
    assert (there["model.layers.1.self_attn.q_proj.weight"] == query.w.T).all()
    assert there["model.layers.0.self_attn.k_proj.weight"].shape == (4, 8)
    assert there["lm_head.weight"].shape == (11, 8)


def test_speeds_of_the_rotation_in_old_files_are_passed_over(model, tmp_path):
    llama.save(model, tmp_path)
    arrays = tensors.read(tmp_path / folder.TENSORS)
    speeds = {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": np.ones(1, np.float32) for i in range(2)}
    tensors.write(tmp_path / folder.TENSORS, arrays | speeds)
    assert repr(llama.load(tmp_path)) == repr(model)


def test_the_epsilon_of_every_norm_is_that_of_the_config(model, tmp_path, edit):
    llama.save(model, tmp_path)
    edit(tmp_path, rms_norm_eps=1e-3)
    loaded = llama.load(tmp_path)
    norms = [loaded.stack.norm, *(part.norm for b in loaded.stack.blocks for part in (b.attention, b.feedforward))]
    assert [norm.eps for norm in norms] == [1e-3] * 5


def test_a_published_config_without_the_width_of_heads_is_read(model, tmp_path, edit):
    llama.save(model, tmp_path)
    edit(tmp_path, head_dim=None)
    assert repr(llama.load(tmp_path)) == repr(model)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"hidden_act": "gelu"}, "'hidden_act' must be 'silu', got 'gelu'"),
        ({"head_dim": None, "num_attention_heads": 3}, "'num_attention_heads' must be a divisor of the width 8, got 3"),
        ({"head_dim": 3}, "the head width must be even, got 3"),
        ({"num_key_value_heads": 3}, "key_value_heads must divide the heads 4, got 3"),
        ({"rms_norm_eps": "small"}, "'rms_norm_eps' must be a number in [0, inf), got 'small'"),
        ({"num_hidden_layers": 3}, "must have a tensor 'model.layers.2.input_layernorm.weight', got none of this name"),
        ({"attention_bias": True}, "must have a tensor 'model.layers.0.self_attn.q_proj.bias', got none of this name"),
        ({"tie_word_embeddings": True}, "since the config ties the two, got another"),
    ],
)
def test_a_config_that_no_model_or_no_tensors_fit_is_refused(model, tmp_path, refused, edit, entries, said):
    llama.save(model, tmp_path)
    edit(tmp_path, **entries)
    assert refused(llama.load, tmp_path).endswith(said)


def attending(model, **changes):
    first, *others = model.stack.blocks
    inner = dataclasses.replace(first.attention.inner, **changes)
    first = dataclasses.replace(first, attention=dataclasses.replace(first.attention, inner=inner))
    return dataclasses.replace(model, stack=dataclasses.replace(model.stack, blocks=(first, *others)))


def test_a_model_that_no_config_describes_is_not_saved(model, tmp_path, refused):
    norm = RMSNorm(np.ones(2, np.float32))
    first, *others = model.stack.blocks
    dropping = dataclasses.replace(first, attention=dataclasses.replace(first.attention, drop=Dropout(0.1)))
    for other in (
        attending(model, cap=3.0),
        attending(model, alibi=True),
        attending(model, rotary=None),
        attending(model, key_norm=norm),
        attending(model, window=3),
        dataclasses.replace(model, dropout=0.1),
        dataclasses.replace(model, stack=dataclasses.replace(model.stack, blocks=(dropping, *others))),
    ):
        assert refused(llama.save, other, tmp_path / "none").startswith("Llama: must be ")
    assert not (tmp_path / "none").exists()


def test_bfloat16_is_read_by_choice(model, tmp_path, refused):
    llama.save(model, tmp_path)
    file = tmp_path / folder.TENSORS
    arrays = tensors.read(file)
    header, data = {}, b""
    for name, array in arrays.items():
        bits = (array.view("u4") >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": [len(data), len(data) + len(bits)]}
        data += bits
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)
    assert "must be float32 or float64 unless a dtype is chosen, got bfloat16" in refused(llama.load, tmp_path)
    for (_, one), (_, other) in zip(tree.leaves(model), tree.leaves(llama.load(tmp_path, "float32")), strict=True):
        assert (one.view("u4") >> 16 << 16 == other.view("u4")).all()
