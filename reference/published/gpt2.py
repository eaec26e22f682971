"""GPT-2, as OpenAI published it and as it is found under `model_type` "gpt2".

Source: Radford et al. 2019, "Language models are unsupervised multitask learners", sec. 2.3.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from reference.layers.feedforward import FeedForward
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.learned import LearnedPositions
from reference.layers.residual import PreNorm
from reference.models.decoder_only import DecoderOnly
from reference.models.encoder import Block, Stack
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.published import parts
from reference.published.config import LAYERS, Config
from reference.published.family import Family, tokens_of
from reference.published.names import Row, linear, norm, row

Model: TypeAlias = DecoderOnly | TiedDecoderOnly

HEAD, TOKENS = "lm_head.weight", "transformer.wte.weight"

_HERE, _THERE = "stack.blocks[{i}]", "transformer.h.{i}"
_ATTENTION = f"{_HERE}.attention.inner"
TABLE = (
    row("vocabulary.table", TOKENS),
    row("embedding.table", TOKENS),
    row("positions.table", "transformer.wpe.weight"),
    *norm(f"{_HERE}.attention.norm", f"{_THERE}.ln_1"),
    Row(tuple(f"{_ATTENTION}.{part}.w" for part in ("query", "key", "value")), f"{_THERE}.attn.c_attn.weight"),
    Row(tuple(f"{_ATTENTION}.{part}.b" for part in ("query", "key", "value")), f"{_THERE}.attn.c_attn.bias"),
    row(f"{_ATTENTION}.output.w", f"{_THERE}.attn.c_proj.weight"),
    row(f"{_ATTENTION}.output.b", f"{_THERE}.attn.c_proj.bias"),
    *norm(f"{_HERE}.feedforward.norm", f"{_THERE}.ln_2"),
    row(f"{_HERE}.feedforward.inner.hidden.w", f"{_THERE}.mlp.c_fc.weight"),
    row(f"{_HERE}.feedforward.inner.hidden.b", f"{_THERE}.mlp.c_fc.bias"),
    row(f"{_HERE}.feedforward.inner.output.w", f"{_THERE}.mlp.c_proj.weight"),
    row(f"{_HERE}.feedforward.inner.output.b", f"{_THERE}.mlp.c_proj.bias"),
    *norm("stack.norm", "transformer.ln_f"),
    linear("output", HEAD.removesuffix(".weight"))[0],
)
# Beside the parameters there are masks in some files: what comes later, and a large negative number.
DERIVED = (".attn.bias", ".attn.masked_bias")


def parameters(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parameters of a file, which OpenAI named without the first word."""
    kept = {name: array for name, array in arrays.items() if not name.endswith(DERIVED)}
    if TOKENS in kept:
        return kept
    return {name if name == HEAD else f"transformer.{name}": array for name, array in kept.items()}


def blank(config: Config) -> Model:
    """Return the model of a config, with zeros for its parameters."""
    config.choice("scale_attn_weights", (True,), True)
    config.choice("scale_attn_by_inverse_layer_idx", (False,), False)
    config.choice("add_cross_attention", (False,), False)
    width, heads = config.size("n_embd"), config.size("n_head")
    hidden, eps = config.size("n_inner", 4 * width), config.number("layer_norm_epsilon", 1e-5)
    branch = parts.dropout(config.number("resid_pdrop", 0.1, below=1))
    weights, sums = (config.number(name, 0.1, below=1) for name in ("attn_pdrop", "embd_pdrop"))
    activation = parts.ACTIVATIONS[config.choice("activation_function", parts.ACTIVATIONS, "gelu_new")]
    if width % heads:
        raise config.wrong("n_head", f"a divisor of the width {width}", heads)

    def block() -> Block:
        query, key, value, output = (parts.linear(width, width) for _ in range(4))
        attention = GroupedAttention(query, key, value, output, heads, dropout=weights)
        feedforward = FeedForward(parts.linear(width, hidden), parts.linear(hidden, width), activation)
        inner = (attention, feedforward)
        return Block(*[PreNorm(parts.layernorm(width, eps), each, branch) for each in inner])

    tokens = parts.embedding(config.size("vocab_size"), width)
    positions = LearnedPositions(np.zeros((config.size("n_positions"), width)))
    stack = Stack(tuple(block() for _ in range(config.size("n_layer", most=LAYERS))), parts.layernorm(width, eps))
    if config.flag("tie_word_embeddings", True):
        return TiedDecoderOnly(tokens, positions, stack, sums)
    return DecoderOnly(tokens, positions, stack, parts.linear(width, len(tokens.table), bias=False), sums)


def entries(model: Any) -> dict[str, Any]:
    """Return the config of a model: what `blank` would make it of, if it is a GPT-2."""
    block, tokens = model.stack.blocks[0], tokens_of(model)
    feedforward = block.feedforward.inner
    return {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2",
        "vocab_size": len(tokens), "n_positions": len(model.positions.table),
        "n_embd": tokens.shape[1], "n_head": block.attention.inner.heads, "n_layer": len(model.stack.blocks),
        "n_inner": feedforward.hidden.w.shape[1], "activation_function": parts.activation(feedforward),
        "layer_norm_epsilon": model.stack.norm.eps, "embd_pdrop": model.dropout,
        "attn_pdrop": block.attention.inner.dropout, "resid_pdrop": parts.share(block.attention.drop),
        "tie_word_embeddings": isinstance(model, TiedDecoderOnly), "dtype": str(tokens.dtype),
    }  # fmt: skip


GPT2 = Family("GPT-2", ("gpt2",), TABLE, blank, entries, parameters, copies=((HEAD, TOKENS),))
load, save = GPT2.load, GPT2.save
