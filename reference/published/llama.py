"""Llama and its kin: Mistral with its window, Qwen 2 with biases of query, key and value, Qwen 3 with their norms.

Source: Touvron et al. 2023 (arXiv:2307.09288), sec. 2.2; Jiang et al. 2023 (arXiv:2310.06825), sec. 2.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from reference.core.attention import expect_groups
from reference.core.turns import expect_pairs
from reference.functions.silu import silu_vjp
from reference.layers.gated import GatedFeedForward
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.residual import PreNorm
from reference.layers.rmsnorm import RMSNorm
from reference.models.decoder_only import DecoderOnly
from reference.models.encoder import Block, Stack
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.published import parts, turns
from reference.published.config import Config
from reference.published.family import Family, tokens_of
from reference.published.names import linear, row

Model: TypeAlias = DecoderOnly | TiedDecoderOnly

HEAD, TOKENS = "lm_head.weight", "model.embed_tokens.weight"
ARCHITECTURES = {
    "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
}  # fmt: skip
EPS = 1e-6  # where a config says none

_HERE, _THERE = "stack.blocks[{i}]", "model.layers.{i}"
_ATTENTION, _FEEDFORWARD = f"{_HERE}.attention.inner", f"{_HERE}.feedforward.inner"
TABLE = (
    row("vocabulary.table", TOKENS),
    row("embedding.table", TOKENS),
    row(f"{_HERE}.attention.norm.gamma", f"{_THERE}.input_layernorm.weight"),
    *linear(f"{_ATTENTION}.query", f"{_THERE}.self_attn.q_proj"),
    *linear(f"{_ATTENTION}.key", f"{_THERE}.self_attn.k_proj"),
    *linear(f"{_ATTENTION}.value", f"{_THERE}.self_attn.v_proj"),
    *linear(f"{_ATTENTION}.output", f"{_THERE}.self_attn.o_proj"),
    row(f"{_ATTENTION}.query_norm.gamma", f"{_THERE}.self_attn.q_norm.weight"),
    row(f"{_ATTENTION}.key_norm.gamma", f"{_THERE}.self_attn.k_norm.weight"),
    row(f"{_HERE}.feedforward.norm.gamma", f"{_THERE}.post_attention_layernorm.weight"),
    *linear(f"{_FEEDFORWARD}.gate", f"{_THERE}.mlp.gate_proj"),
    *linear(f"{_FEEDFORWARD}.value", f"{_THERE}.mlp.up_proj"),
    *linear(f"{_FEEDFORWARD}.output", f"{_THERE}.mlp.down_proj"),
    row("stack.norm.gamma", "model.norm.weight"),
    linear("output", HEAD.removesuffix(".weight"))[0],
)


def parameters(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parameters of a file; old ones hold the speeds of the rotary pairs, which follow from the base."""
    return {name: array for name, array in arrays.items() if not name.endswith(".rotary_emb.inv_freq")}


def blank(config: Config) -> Model:
    """Return the model of a config, with zeros for its parameters."""
    kind = config.choice("model_type", ARCHITECTURES)
    config.choice("hidden_act", ("silu",), "silu")
    width, heads, hidden = (
        config.size(name) for name in ("hidden_size", "num_attention_heads", "intermediate_size")
    )
    if config.size("head_dim", None) is None and width % heads:
        raise config.wrong("num_attention_heads", f"a divisor of the width {width}", heads)
    groups, head_width = config.size("num_key_value_heads", heads), config.size("head_dim", width // heads)
    expect_groups(config.where, heads, groups)
    expect_pairs(config.where, head_width)
    every = kind in ("llama", "qwen3") and config.flag("attention_bias", False)
    bias, within = every or kind == "qwen2", kind == "llama" and config.flag("mlp_bias", False)
    eps, dropout = config.number("rms_norm_eps", EPS), config.number("attention_dropout", 0.0, below=1)
    rotary = turns.rotary(config)

    def norm(size: int) -> RMSNorm:
        return RMSNorm(np.zeros(size), eps)

    def block(window: int | None) -> Block:
        inner = heads * head_width, groups * head_width, groups * head_width
        query, key, value = (parts.linear(width, columns, bias=bias) for columns in inner)
        query_norm, key_norm = (norm(head_width) if kind == "qwen3" else None for _ in range(2))
        attention = GroupedAttention(
            query, key, value, parts.linear(inner[0], width, bias=every), heads, query_norm, key_norm,
            rotary=rotary, window=window, dropout=dropout,
        )  # fmt: skip
        gate, up = (parts.linear(width, hidden, bias=within) for _ in range(2))
        feedforward = GatedFeedForward(gate, up, parts.linear(hidden, width, bias=within), silu_vjp)
        return Block(PreNorm(norm(width), attention), PreNorm(norm(width), feedforward))

    tokens = parts.embedding(config.size("vocab_size"), width)
    stack = Stack(tuple(block(window) for window in turns.windows(config)), norm(width))
    if config.flag("tie_word_embeddings", False):
        return TiedDecoderOnly(tokens, None, stack)
    return DecoderOnly(tokens, None, stack, parts.linear(width, len(tokens.table), bias=False))


def entries(model: Any) -> dict[str, Any]:
    """Return the config of a model: what `blank` would make it of, if it is one of these."""
    block, tokens = model.stack.blocks[0], tokens_of(model)
    attention, feedforward = block.attention.inner, block.feedforward.inner
    windows = [each.attention.inner.window for each in model.stack.blocks]
    kind = "mistral" if windows[0] is not None else "llama"
    if attention.query.b is not None and attention.output.b is None:
        kind = "qwen2"
    if attention.query_norm is not None:
        kind = "qwen3"
    flags = {} if kind in ("mistral", "qwen2") else {"attention_bias": attention.output.b is not None}
    if kind == "llama":
        flags["mlp_bias"] = feedforward.gate.b is not None
    return {
        "architectures": [ARCHITECTURES[kind]], "model_type": kind,
        "vocab_size": len(tokens), "hidden_size": tokens.shape[1], "intermediate_size": feedforward.gate.w.shape[1],
        "num_hidden_layers": len(windows), "num_attention_heads": attention.heads,
        "num_key_value_heads": attention.key_value_heads, "head_dim": attention.head_width, "hidden_act": "silu",
        "rms_norm_eps": model.stack.norm.eps, "attention_dropout": attention.dropout, **flags,
        **turns.entries(kind, attention.rotary, windows),
        "tie_word_embeddings": isinstance(model, TiedDecoderOnly), "dtype": str(tokens.dtype),
    }  # fmt: skip


LLAMA = Family("Llama", tuple(ARCHITECTURES), TABLE, blank, entries, parameters, copies=((HEAD, TOKENS),))
load, save = LLAMA.load, LLAMA.save
