"""Marian, the models of translation as they are found under `model_type` "marian".

Source: Junczys-Dowmunt et al. 2018 (arXiv:1804.00344); the model of Vaswani et al. 2017, sec. 3, with one table.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from reference.layers.attention import MultiHeadAttention, SelfAttention
from reference.layers.feedforward import FeedForward
from reference.layers.residual import PostNorm
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.decoder import Decoder, DecoderBlock
from reference.models.encoder import Block, Stack
from reference.models.encoder_decoder import EncoderDecoder
from reference.models.tied import TiedTransformer
from reference.published import parts
from reference.published.config import LAYERS, Config
from reference.published.family import Family
from reference.published.names import Row, linear, norm, row

Model: TypeAlias = TiedTransformer

TOKENS = "model.shared.weight"
EPS = 1e-5  # of the norms, of which no config says one


def _attention(here: str, there: str) -> tuple[Row, ...]:
    """Return the rows of attention, and of the norm behind it."""
    maps = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}
    rows = [each for one, other in maps.items() for each in linear(f"{here}.inner.{one}", f"{there}.{other}")]
    return (*rows, *norm(f"{here}.norm", f"{there}_layer_norm"))


def _feedforward(here: str, there: str) -> tuple[Row, ...]:
    hidden, output = linear(f"{here}.inner.hidden", f"{there}.fc1"), linear(f"{here}.inner.output", f"{there}.fc2")
    return (*hidden, *output, *norm(f"{here}.norm", f"{there}.final_layer_norm"))


_ENCODER, _DECODER = (f"body.{part}.blocks[{{i}}]" for part in ("encoder", "decoder"))
TABLE = (
    row("vocabulary.table", TOKENS),
    Row(("bias",), "final_logits_bias", wrapped=True),
    *_attention(f"{_ENCODER}.attention", "model.encoder.layers.{i}.self_attn"),
    *_feedforward(f"{_ENCODER}.feedforward", "model.encoder.layers.{i}"),
    *_attention(f"{_DECODER}.self_attention", "model.decoder.layers.{i}.self_attn"),
    *_attention(f"{_DECODER}.cross_attention", "model.decoder.layers.{i}.encoder_attn"),
    *_feedforward(f"{_DECODER}.feedforward", "model.decoder.layers.{i}"),
)
COPIES = tuple(
    (f"{name}.weight", TOKENS) for name in ("lm_head", "model.encoder.embed_tokens", "model.decoder.embed_tokens")
)


def parameters(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parameters of a file; some hold the tables of positions, which follow from their sizes."""
    return {name: array for name, array in arrays.items() if not name.endswith(".embed_positions.weight")}


def blank(config: Config) -> Model:
    """Return the model of a config, with zeros for its parameters."""
    for name, value in {"share_encoder_decoder_embeddings": True, "tie_word_embeddings": True}.items():
        config.choice(name, (value,), value)
    for name in ("attention_dropout", "activation_dropout", "encoder_layerdrop", "decoder_layerdrop"):
        config.choice(name, (0, 0.0), 0.0)
    width, vocabulary = config.size("d_model"), config.size("vocab_size")
    if config.size("decoder_vocab_size", vocabulary) != vocabulary:
        raise config.wrong("decoder_vocab_size", f"vocab_size, {vocabulary}", config.size("decoder_vocab_size"))
    drop = config.number("dropout", 0.1, below=1)
    activation = parts.ACTIVATIONS[config.choice("activation_function", parts.ACTIVATIONS, "gelu")]

    def sizes(part: str) -> tuple[int, int, int]:
        heads = config.size(f"{part}_attention_heads")
        if width % heads:
            raise config.wrong(f"{part}_attention_heads", f"a divisor of the width {width}", heads)
        return heads, config.size(f"{part}_ffn_dim"), config.size(f"{part}_layers", most=LAYERS)

    def within(inner: Any) -> PostNorm:
        return PostNorm(parts.layernorm(width, EPS), inner, parts.dropout(drop))

    def attention(kind: type[MultiHeadAttention], heads: int) -> PostNorm:
        maps: Any = {name: parts.linear(width, width) for name in ("query", "key", "value", "output")}
        return within(kind(**maps, heads=heads))

    def feedforward(hidden: int) -> PostNorm:
        return within(FeedForward(parts.linear(width, hidden), parts.linear(hidden, width), activation))

    heads, hidden, layers = sizes("encoder")
    encoder = Stack(tuple(Block(attention(SelfAttention, heads), feedforward(hidden)) for _ in range(layers)), None)
    heads, hidden, layers = sizes("decoder")
    blocks = (
        DecoderBlock(attention(SelfAttention, heads), attention(MultiHeadAttention, heads), feedforward(hidden))
        for _ in range(layers)
    )
    body = EncoderDecoder(encoder, Decoder(tuple(blocks), None), SinusoidalPositions(halves=True), drop)
    scale = None if config.flag("scale_embedding", False) else 1.0
    return TiedTransformer(parts.embedding(vocabulary, width), body, np.zeros(vocabulary), scale)


def entries(model: Any) -> dict[str, Any]:
    """Return the config of a model: what `blank` would make it of, if it is a Marian."""
    body, (vocabulary, width) = model.body, model.vocabulary.table.shape
    said = {
        "architectures": ["MarianMTModel"], "model_type": "marian", "is_encoder_decoder": True,
        "vocab_size": vocabulary, "decoder_vocab_size": vocabulary, "d_model": width,
        "activation_function": parts.activation(body.encoder.blocks[0].feedforward.inner),
        "dropout": body.dropout, "attention_dropout": 0.0, "activation_dropout": 0.0,
        "scale_embedding": model.scale is None, "share_encoder_decoder_embeddings": True,
        "tie_word_embeddings": True, "pad_token_id": None, "dtype": str(model.vocabulary.table.dtype),
    }  # fmt: skip
    for part, blocks in (("encoder", body.encoder.blocks), ("decoder", body.decoder.blocks)):
        attention = blocks[0].attention if part == "encoder" else blocks[0].self_attention
        said |= {
            f"{part}_layers": len(blocks), f"{part}_attention_heads": attention.inner.heads,
            f"{part}_ffn_dim": blocks[0].feedforward.inner.hidden.w.shape[1],
        }  # fmt: skip
    return said


MARIAN = Family("Marian", ("marian",), TABLE, blank, entries, parameters, COPIES)
load, save = MARIAN.load, MARIAN.save
