"""Gemma, and Gemma 2 with its caps, its norms behind the branches and its window in every other block.

Source: Gemma Team 2024 (arXiv:2403.08295), sec. 2; Riviere et al. 2024 (arXiv:2408.00118), sec. 2.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from reference.core.attention import expect_groups
from reference.core.turns import expect_pairs
from reference.functions.gelu_tanh import gelu_tanh_vjp
from reference.layers.gated import GatedFeedForward
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.residual import PreNorm
from reference.layers.rmsnorm import RMSNorm
from reference.layers.rotary import Rotary
from reference.models.encoder import Block, Stack
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.published import parts, turns
from reference.published.config import LAYERS, Config
from reference.published.family import Family
from reference.published.names import linear, row

Model: TypeAlias = TiedDecoderOnly

HEAD, TOKENS = "lm_head.weight", "model.embed_tokens.weight"
FIRST, SECOND = "gemma", "gemma2"
ARCHITECTURES = {FIRST: "GemmaForCausalLM", SECOND: "Gemma2ForCausalLM"}
EPS, HEAD_WIDTH, SCALAR, CAPS = 1e-6, 256, 256, (50.0, 30.0)  # where a config says none
# A config says the same activation in two entries, of which the first may say "gelu" and mean the one by tanh.
ACTIVATION = "gelu_pytorch_tanh"

_HERE, _THERE = "stack.blocks[{i}]", "model.layers.{i}"
_ATTENTION, _FEEDFORWARD = f"{_HERE}.attention.inner", f"{_HERE}.feedforward.inner"


def _table(before: str, *behind: Any) -> tuple[Any, ...]:
    """Return the table of a model whose norm before the feed-forward network is `before`, and of norms behind."""
    return (
        row("vocabulary.table", TOKENS),
        row(f"{_HERE}.attention.norm.gamma", f"{_THERE}.input_layernorm.weight"),
        *linear(f"{_ATTENTION}.query", f"{_THERE}.self_attn.q_proj"),
        *linear(f"{_ATTENTION}.key", f"{_THERE}.self_attn.k_proj"),
        *linear(f"{_ATTENTION}.value", f"{_THERE}.self_attn.v_proj"),
        *linear(f"{_ATTENTION}.output", f"{_THERE}.self_attn.o_proj"),
        row(f"{_HERE}.feedforward.norm.gamma", f"{_THERE}.{before}.weight"),
        *behind,
        linear(f"{_FEEDFORWARD}.gate", f"{_THERE}.mlp.gate_proj")[0],
        linear(f"{_FEEDFORWARD}.value", f"{_THERE}.mlp.up_proj")[0],
        linear(f"{_FEEDFORWARD}.output", f"{_THERE}.mlp.down_proj")[0],
        row("stack.norm.gamma", "model.norm.weight"),
    )


TABLE = _table("post_attention_layernorm")
TABLE_2 = _table(
    "pre_feedforward_layernorm",
    row(f"{_HERE}.attention.after.gamma", f"{_THERE}.post_attention_layernorm.weight"),
    row(f"{_HERE}.feedforward.after.gamma", f"{_THERE}.post_feedforward_layernorm.weight"),
)


def parameters(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parameters of a file; old ones hold the speeds of the rotary pairs, which follow from the base."""
    return {name: array for name, array in arrays.items() if not name.endswith(".rotary_emb.inv_freq")}


def blank(config: Config) -> Model:
    """Return the model of a config, with zeros for its parameters."""
    second = config.choice("model_type", ARCHITECTURES) == SECOND
    config.choice("tie_word_embeddings", (True,), True)
    config.choice("use_bidirectional_attention", (False,), False)
    names = ("hidden_activation",) if second else ("hidden_activation", "hidden_act")
    for name in names:
        config.choice(name, (ACTIVATION,) if second else (ACTIVATION, "gelu"), ACTIVATION)
    width, heads, hidden = (config.size(name) for name in ("hidden_size", "num_attention_heads", "intermediate_size"))
    groups, head_width = config.size("num_key_value_heads", heads), config.size("head_dim", HEAD_WIDTH)
    expect_groups(config.where, heads, groups)
    expect_pairs(config.where, head_width)
    bias, dropout = config.flag("attention_bias", False), config.number("attention_dropout", 0.0, below=1)
    eps, rotary = config.number("rms_norm_eps", EPS), turns.rotary(config)
    cap = _cap(config, "attn_logit_softcapping", CAPS[0]) if second else None
    scale = config.size("query_pre_attn_scalar", SCALAR) ** -0.5 if second else None

    def norm() -> RMSNorm:
        return RMSNorm(np.zeros(width), eps, offset=1.0)

    def within(inner: Any) -> PreNorm:
        return PreNorm(norm(), inner, after=norm() if second else None)

    def block(window: int | None) -> Block:
        inner = heads * head_width, groups * head_width, groups * head_width
        query, key, value = (parts.linear(width, columns, bias=bias) for columns in inner)
        attention = GroupedAttention(
            query, key, value, parts.linear(inner[0], width, bias=bias), heads,
            rotary=rotary, window=window, cap=cap, dropout=dropout, scale=scale,
        )  # fmt: skip
        gate, up = (parts.linear(width, hidden, bias=False) for _ in range(2))
        feedforward = GatedFeedForward(gate, up, parts.linear(hidden, width, bias=False), gelu_tanh_vjp)
        return Block(within(attention), within(feedforward))

    layers = config.size("num_hidden_layers", most=LAYERS)
    windows = turns.alternating(config) if second else [None] * layers
    stack = Stack(tuple(block(window) for window in windows), norm())
    final = _cap(config, "final_logit_softcapping", CAPS[1]) if second else None
    return TiedDecoderOnly(parts.embedding(config.size("vocab_size"), width), None, stack, scale=width**0.5, cap=final)


def _cap(config: Config, name: str, default: float) -> float | None:
    """Return a cap, none where the config says that there is none."""
    cap = None if config.is_null(name) else config.number(name, default)
    if cap == 0:
        raise config.wrong(name, "above 0, or null", cap)
    return cap


def _first(kind: str, model: Any) -> dict[str, Any]:
    """Return what the configs of both say of a model."""
    block, tokens = model.stack.blocks[0], model.vocabulary.table
    attention, feedforward = block.attention.inner, block.feedforward.inner
    turn: Rotary = attention.rotary
    return {
        "architectures": [ARCHITECTURES[kind]], "model_type": kind,
        "vocab_size": len(tokens), "hidden_size": tokens.shape[1], "intermediate_size": feedforward.gate.w.shape[1],
        "num_hidden_layers": len(model.stack.blocks), "num_attention_heads": attention.heads,
        "num_key_value_heads": attention.key_value_heads, "head_dim": attention.head_width,
        "hidden_activation": ACTIVATION, "rms_norm_eps": model.stack.norm.eps,
        "attention_bias": attention.query.b is not None, "attention_dropout": attention.dropout,
        **turns.entries("llama", turn, []), "tie_word_embeddings": True, "pad_token_id": None,
        "dtype": str(tokens.dtype),
    }  # fmt: skip


def entries(model: Any) -> dict[str, Any]:
    """Return the config of a model: what `blank` would make it of, if it is a Gemma."""
    return _first(FIRST, model) | {"hidden_act": ACTIVATION}


def entries_2(model: Any) -> dict[str, Any]:
    """Return the config of a model: what `blank` would make it of, if it is a Gemma 2."""
    attentions = [block.attention.inner for block in model.stack.blocks]
    scale = attentions[0].scale
    return _first(SECOND, model) | {
        "query_pre_attn_scalar": round(scale**-2), "attn_logit_softcapping": attentions[0].cap,
        "final_logit_softcapping": model.cap, **turns.alternating_entries([each.window for each in attentions]),
    }  # fmt: skip


GEMMA = Family("Gemma", (FIRST,), TABLE, blank, entries, parameters, ((HEAD, TOKENS),))
GEMMA_2 = Family("Gemma 2", (SECOND,), TABLE_2, blank, entries_2, parameters, ((HEAD, TOKENS),))
load, save = GEMMA.load, GEMMA.save
