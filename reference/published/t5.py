"""T5 and its later versions, as they are found under `model_type` "t5".

Source: Raffel et al. 2020 (arXiv:1910.10683), sec. 2.1; the later versions: Shazeer 2020 (arXiv:2002.05202), sec. 3.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from reference.core.layer import Layer
from reference.layers.attention import MultiHeadAttention
from reference.layers.feedforward import FeedForward
from reference.layers.gated import GatedFeedForward
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.relative import RelativePositions
from reference.layers.residual import PreNorm
from reference.layers.rmsnorm import RMSNorm
from reference.models.decoder import Decoder, DecoderBlock
from reference.models.encoder import Block, Stack
from reference.models.encoder_decoder import EncoderDecoder
from reference.models.relative_stack import RelativeStack
from reference.models.tied import TiedTransformer
from reference.published import parts
from reference.published.config import LAYERS, Config
from reference.published.family import Family
from reference.published.names import Row, linear, row

Model: TypeAlias = TiedTransformer

TOKENS, HEAD = "shared.weight", "lm_head.weight"
EPS = 1e-6  # where a config says none
# In a config "gated-gelu" is the one by tanh, whatever "gelu" is elsewhere.
GATED, PLAIN = "gated-gelu", "relu"


def _attention(here: str, there: str, kind: str) -> tuple[Row, ...]:
    """Return the rows of attention, and of the norm before it."""
    maps = {"query": "q", "key": "k", "value": "v", "output": "o"}
    rows = (linear(f"{here}.inner.{one}", f"{there}.{kind}.{other}")[0] for one, other in maps.items())
    return row(f"{here}.norm.gamma", f"{there}.layer_norm.weight"), *rows


def _feedforward(here: str, there: str) -> tuple[Row, ...]:
    maps = {"hidden": "wi", "gate": "wi_0", "value": "wi_1", "output": "wo"}
    rows = (linear(f"{here}.inner.{one}", f"{there}.DenseReluDense.{other}")[0] for one, other in maps.items())
    return row(f"{here}.norm.gamma", f"{there}.layer_norm.weight"), *rows


def _stack(part: str) -> tuple[Row, ...]:
    """Return the rows of what encoder and decoder share."""
    here, there = f"body.{part}", f"{part}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    return row(f"{here}.relative.table", there), row(f"{here}.stack.norm.gamma", f"{part}.final_layer_norm.weight")


_ENCODER, _DECODER = (f"body.{part}.stack.blocks[{{i}}]" for part in ("encoder", "decoder"))
TABLE = (
    row("vocabulary.table", TOKENS),
    *_stack("encoder"),
    *_attention(f"{_ENCODER}.attention", "encoder.block.{i}.layer.0", "SelfAttention"),
    *_feedforward(f"{_ENCODER}.feedforward", "encoder.block.{i}.layer.1"),
    *_stack("decoder"),
    *_attention(f"{_DECODER}.self_attention", "decoder.block.{i}.layer.0", "SelfAttention"),
    *_attention(f"{_DECODER}.cross_attention", "decoder.block.{i}.layer.1", "EncDecAttention"),
    *_feedforward(f"{_DECODER}.feedforward", "decoder.block.{i}.layer.2"),
    linear("output", HEAD.removesuffix(".weight"))[0],
)
COPIES = ((HEAD, TOKENS), ("encoder.embed_tokens.weight", TOKENS), ("decoder.embed_tokens.weight", TOKENS))
# Older files hold a table of positions for the memory, which nothing reads.
UNREAD = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"


def parameters(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parameters of a file."""
    return {name: array for name, array in arrays.items() if name != UNREAD}


def blank(config: Config) -> Model:
    """Return the model of a config, with zeros for its parameters."""
    width, heads, hidden = (config.size(name) for name in ("d_model", "num_heads", "d_ff"))
    inner, vocabulary = heads * config.size("d_kv"), config.size("vocab_size")
    layers = config.size("num_layers", most=LAYERS)
    gated = config.choice("feed_forward_proj", (PLAIN, GATED), PLAIN) == GATED
    eps, drop = config.number("layer_norm_epsilon", EPS), config.number("dropout_rate", 0.1, below=1)
    tied = config.flag("tie_word_embeddings", True)
    scaled = config.flag("scale_decoder_outputs", tied)
    if scaled and not tied:
        raise config.wrong("scale_decoder_outputs", "false where the output is no embedding", scaled)

    def norm() -> RMSNorm:
        return RMSNorm(np.zeros(width), eps)

    def within(layer: Layer) -> PreNorm:
        return PreNorm(norm(), layer, parts.dropout(drop))

    def attention(kind: type, **options: Any) -> PreNorm:
        maps = {name: parts.linear(width, inner, bias=False) for name in ("query", "key", "value")}
        return within(kind(**maps, output=parts.linear(inner, width, bias=False), heads=heads, scale=1.0, **options))

    def feedforward() -> PreNorm:
        first, second = (parts.linear(width, hidden, bias=False) for _ in range(2))
        last = parts.linear(hidden, width, bias=False)
        if gated:
            return within(GatedFeedForward(first, second, last, parts.ACTIVATIONS["gelu_new"]))
        return within(FeedForward(first, last, parts.ACTIVATIONS[PLAIN]))

    def shared(stack: Stack | Decoder, both: bool) -> RelativeStack:
        buckets = np.zeros((config.size("relative_attention_num_buckets", 32), heads))
        relative = RelativePositions(buckets, both, config.size("relative_attention_max_distance", 128))
        relative(queries=range(0), keys=range(0))  # which refuses too few of them, and too short a distance
        return RelativeStack(relative, stack)

    def self_attention(causal: bool) -> PreNorm:
        return attention(GroupedAttention, causal=causal, dropout=drop)

    encoder = tuple(Block(self_attention(False), feedforward()) for _ in range(layers))
    decoder = tuple(
        DecoderBlock(self_attention(True), attention(MultiHeadAttention), feedforward())
        for _ in range(config.size("num_decoder_layers", layers, most=LAYERS))
    )
    stacks = shared(Stack(encoder, norm()), True), shared(Decoder(decoder, norm()), False)
    model = TiedTransformer(parts.embedding(vocabulary, width), EncoderDecoder(*stacks, None, drop), scale=1.0)
    if tied:
        return dataclasses.replace(model, output_scale=width**-0.5 if scaled else 1.0)
    return dataclasses.replace(model, output=parts.linear(width, vocabulary, bias=False))


def entries(model: Any) -> dict[str, Any]:
    """Return the config of a model: what `blank` would make it of, if it is a T5."""
    body, (vocabulary, width) = model.body, model.vocabulary.table.shape
    blocks, table = body.encoder.stack.blocks, body.encoder.relative.table
    attention, feedforward = blocks[0].attention.inner, blocks[0].feedforward.inner
    gated = isinstance(feedforward, GatedFeedForward)
    return {
        "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": True,
        "vocab_size": vocabulary, "d_model": width, "d_kv": attention.head_width, "num_heads": attention.heads,
        "d_ff": feedforward.output.w.shape[0], "feed_forward_proj": GATED if gated else PLAIN,
        "num_layers": len(blocks), "num_decoder_layers": len(body.decoder.stack.blocks),
        "relative_attention_num_buckets": len(table), "relative_attention_max_distance": body.encoder.relative.far,
        "layer_norm_epsilon": body.encoder.stack.norm.eps, "dropout_rate": body.dropout,
        "tie_word_embeddings": model.output is None, "scale_decoder_outputs": model.output_scale != 1,
        "dtype": str(model.vocabulary.table.dtype),
    }  # fmt: skip


T5 = Family("T5", ("t5",), TABLE, blank, entries, parameters, COPIES)
load, save = T5.load, T5.save
