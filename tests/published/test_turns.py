import dataclasses
import json

import numpy as np
import pytest
import torch
import transformers
from published_sizes import SIZES
from transformers.models.gpt_neox import modeling_gpt_neox
from transformers.models.gptj import modeling_gptj
from transformers.models.llama import modeling_llama

from reference.core import tree
from reference.generation.stream import stream
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.linear import Linear
from reference.layers.rotary import Rotary
from reference.models.objective import Objective
from reference.published.llama import LLAMA


@pytest.fixture
def x(rng):
    return rng.normal(size=(2, 4, 5, 12))


def agree(close, rng, here, there, x):
    """Values and gradients of a turn here are those of one there."""
    y, pullback = here.vjp(x)
    given = torch.tensor(x, requires_grad=True)
    out = there(given)
    close(y, out)
    dy = rng.normal(size=y.shape)
    out.backward(torch.tensor(dy))
    close(pullback(dy)[1], given.grad)


@pytest.mark.parametrize("width", [8, 12])
def test_interleaved_pairs_and_a_part_of_the_head_are_those_of_gpt_j(close, rng, x, width):
    sin, cos = modeling_gptj.create_sinusoidal_positions(5, width).double().chunk(2, dim=-1)

    def there(given):
        heads = given.transpose(1, 2)
        turned = modeling_gptj.apply_rotary_pos_emb(heads[..., :width], sin[None], cos[None])
        return torch.cat([turned, heads[..., width:]], dim=-1).transpose(1, 2)

    agree(close, rng, Rotary(width=width, interleaved=True), there, x)


@pytest.mark.parametrize("width", [8, 12])
def test_halves_and_a_part_of_the_head_are_those_of_gpt_neox(close, rng, x, width):
    speed = 10000.0 ** (-torch.arange(0, width, 2) / width)
    angle = torch.outer(torch.arange(5.0), speed).repeat(1, 2)[None]

    def there(given):
        turned, _ = modeling_gpt_neox.apply_rotary_pos_emb(given, given, angle.cos(), angle.sin())
        return turned

    agree(close, rng, Rotary(width=width), there, x)


def test_angles_of_the_callers_are_a_table_of_cosines_and_sines_there(close, rng, x):
    angles = rng.normal(size=(2, 5, 6))
    angle = torch.tensor(angles).repeat(1, 1, 2)

    def there(given):
        return modeling_llama.apply_rotary_pos_emb(given, given, angle.cos(), angle.sin())[0]

    y, pullback = Rotary().vjp(x, angles=angles)
    given = torch.tensor(x, requires_grad=True)
    close(y, there(given))
    dy = rng.normal(size=y.shape)
    there(given).backward(torch.tensor(dy))
    close(pullback(dy)[1], given.grad)


def test_attention_by_a_table_of_the_callers_is_that_of_the_package(close, drawn, rng):
    config = transformers.LlamaConfig(**SIZES)
    config._attn_implementation = "eager"
    there = drawn(modeling_llama.LlamaAttention(config, 0))
    maps = [Linear(p.weight.detach().numpy().T.copy(), None) for p in (there.q_proj, there.k_proj, there.v_proj)]
    output = Linear(there.o_proj.weight.detach().numpy().T.copy(), None)
    here = GroupedAttention(*maps, output, SIZES["num_attention_heads"], rotary=Rotary())
    x, dy, angles = *rng.normal(size=(2, 2, 5, 8)), rng.normal(size=(2, 5, 1))
    y, pullback = here.vjp(x, angles=angles)
    d, dx = pullback(dy)
    given, angle = torch.tensor(x, requires_grad=True), torch.tensor(angles).repeat(1, 1, 2)
    hidden = torch.full((5, 5), torch.finfo(torch.float64).min).triu(1)[None, None]
    out, _ = there(given, (angle.cos(), angle.sin()), hidden)
    close(y, out)
    out.backward(torch.tensor(dy))
    close(dx, given.grad)
    for name, map_there in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o")):
        close(getattr(d, name).w.T, getattr(there, f"{map_there}_proj").weight.grad)


def test_a_model_of_speeds_of_the_callers_is_that_of_the_package(close, drawn, rng, tmp_path):
    """The speeds of YaRN are given as the caller's, its factor of cosines and sines is a scale of the scores."""
    turns = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 6}
    config = transformers.LlamaConfig(**SIZES, max_position_embeddings=24, rope_parameters=turns)
    config._attn_implementation = "eager"
    there = drawn(transformers.LlamaForCausalLM(config))
    there.save_pretrained(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(said | {"rope_parameters": None}))
    plain = LLAMA.load(tmp_path)
    turning = there.model.rotary_emb
    rotary = Rotary(speeds=tuple(turning.inv_freq.tolist()))
    scale = turning.attention_scaling**2 * plain.stack.blocks[0].attention.inner.head_width**-0.5

    def turned(block):
        inner = dataclasses.replace(block.attention.inner, rotary=rotary, scale=scale)
        return dataclasses.replace(block, attention=dataclasses.replace(block.attention, inner=inner))

    stack = dataclasses.replace(plain.stack, blocks=tuple(map(turned, plain.stack.blocks)))
    here = dataclasses.replace(plain, stack=stack)
    tokens = rng.integers(19, size=(2, 9))
    out = there(torch.tensor(tokens), labels=torch.tensor(tokens))
    close(here(tokens=tokens), out.logits)
    assert np.abs(plain(tokens=tokens) - here(tokens=tokens)).max() > 1e-3
    loss, pullback = Objective(here).vjp(tokens=tokens[:, :-1], labels=tokens[:, 1:])
    close(loss, out.loss)
    out.loss.backward()
    gradient = pullback(1.0)[0].model
    assert len(list(tree.leaves(gradient))) == len(list(there.parameters()))
    gradients = LLAMA.tensors(gradient)
    for name, parameter in there.named_parameters():
        close(gradients[name], parameter.grad)
    prompts, options = torch.tensor(tokens[:, :4]), {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    said = there.generate(prompts, attention_mask=torch.ones_like(prompts), **options)
    assert said[:, 4:].tolist() == np.array(list(stream(here, tokens[:, :4].tolist(), length=12))).T.tolist()
