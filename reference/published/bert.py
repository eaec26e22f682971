"""BERT: the encoder alone, as sentence vectors are made of it, as a masked language model, or with a classifier.

Source: Devlin et al. 2018 (arXiv:1810.04805), sec. 3 and 4.1.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from reference.layers.attention import SelfAttention
from reference.layers.classification_head import ClassificationHead
from reference.layers.feedforward import FeedForward
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.learned import LearnedPositions
from reference.layers.residual import PostNorm
from reference.models.encoder import Block, Stack
from reference.models.encoder_only import EncoderOnly
from reference.models.headed import Headed
from reference.models.masked_language_model import MaskedLanguageModel
from reference.published import parts
from reference.published.config import LAYERS, Config
from reference.published.family import Family
from reference.published.names import Row, linear, norm, row

Model: TypeAlias = EncoderOnly | MaskedLanguageModel | Headed

ENCODER, MASKED, CLASSIFIER = "BertModel", "BertForMaskedLM", "BertForSequenceClassification"
FIRST, WORDS, EPS = "bert.", "cls.predictions.", 1e-12
UNREAD = (f"{FIRST}pooler.", "cls.seq_relationship.")


def _encoder(body: str) -> tuple[Row, ...]:
    """Return the table of an encoder that stands at `body`."""
    here, there = f"{body}stack.blocks[{{i}}]", f"{FIRST}encoder.layer.{{i}}"
    return (
        row(f"{body}embedding.table", f"{FIRST}embeddings.word_embeddings.weight"),
        row(f"{body}positions.table", f"{FIRST}embeddings.position_embeddings.weight"),
        row(f"{body}segments.table", f"{FIRST}embeddings.token_type_embeddings.weight"),
        *norm(f"{body}norm", f"{FIRST}embeddings.LayerNorm"),
        *linear(f"{here}.attention.inner.query", f"{there}.attention.self.query"),
        *linear(f"{here}.attention.inner.key", f"{there}.attention.self.key"),
        *linear(f"{here}.attention.inner.value", f"{there}.attention.self.value"),
        *linear(f"{here}.attention.inner.output", f"{there}.attention.output.dense"),
        *norm(f"{here}.attention.norm", f"{there}.attention.output.LayerNorm"),
        *linear(f"{here}.feedforward.inner.hidden", f"{there}.intermediate.dense"),
        *linear(f"{here}.feedforward.inner.output", f"{there}.output.dense"),
        *norm(f"{here}.feedforward.norm", f"{there}.output.LayerNorm"),
    )


TABLE = (
    *_encoder(""),
    *_encoder("body."),
    *linear("dense", f"{WORDS}transform.dense"),
    *norm("dense_norm", f"{WORDS}transform.LayerNorm"),
    row("bias", f"{WORDS}bias"),
    *linear("head.dense", f"{FIRST}pooler.dense"),
    *linear("head.output", "classifier"),
)


def parameters(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parameters of a file under one set of names.

    The numbers of the positions are no parameters.  An encoder alone has names without the first word, and a map
    of its first position, which no hidden state depends on; that map, and another that reads it, stand in files
    of masked language models too; old files call the gain of a norm gamma.
    """
    kept = {name: array for name, array in arrays.items() if not name.endswith("embeddings.position_ids")}
    if not any(name.startswith(FIRST) for name in kept):
        kept = {f"{FIRST}{name}": array for name, array in kept.items()}
    if "classifier.weight" not in kept:
        kept = {name: array for name, array in kept.items() if not name.startswith(UNREAD)}
    gain, shift = ("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")
    return {name.replace(*gain).replace(*shift): array for name, array in kept.items()}


def blank(config: Config) -> Model:
    """Return the model of a config, with zeros for its parameters."""
    config.choice("position_embedding_type", ("absolute",), "absolute")
    config.choice("is_decoder", (False,), False)
    kind = config.entries.get("architectures", [ENCODER])
    if kind not in ([ENCODER], [MASKED], [CLASSIFIER]):
        raise config.wrong("architectures", f"one of [{ENCODER!r}], [{MASKED!r}], [{CLASSIFIER!r}]", kind)
    if kind == [MASKED]:
        config.choice("tie_word_embeddings", (True,), True)
    width, heads, hidden = (config.size(name) for name in ("hidden_size", "num_attention_heads", "intermediate_size"))
    if width % heads:
        raise config.wrong("num_attention_heads", f"a divisor of the width {width}", heads)
    eps, sums = config.number("layer_norm_eps", EPS), config.number("hidden_dropout_prob", 0.1, below=1)
    weights = config.number("attention_probs_dropout_prob", 0.1, below=1)
    activation = parts.ACTIVATIONS[config.choice("hidden_act", parts.ACTIVATIONS, "gelu")]

    def block() -> Block:
        maps: Any = {name: parts.linear(width, width) for name in ("query", "key", "value", "output")}
        attention: Any = SelfAttention(**maps, heads=heads)
        if weights:
            attention = GroupedAttention(**maps, heads=heads, causal=False, dropout=weights)
        feedforward = FeedForward(parts.linear(width, hidden), parts.linear(hidden, width), activation)
        inner = attention, feedforward
        return Block(*[PostNorm(parts.layernorm(width, eps), each, parts.dropout(sums)) for each in inner])

    body = EncoderOnly(
        parts.embedding(config.size("vocab_size"), width),
        LearnedPositions(np.zeros((config.size("max_position_embeddings"), width))),
        parts.embedding(config.size("type_vocab_size", 2), width),
        parts.layernorm(width, eps),
        Stack(tuple(block() for _ in range(config.size("num_hidden_layers", most=LAYERS))), None),
        sums,
    )
    if kind == [ENCODER]:
        return body
    if kind == [MASKED]:
        bias = np.zeros(len(body.embedding.table))
        return MaskedLanguageModel(body, parts.linear(width, width), parts.layernorm(width, eps), bias, activation)
    classes = max(len(config.part("id2label").entries), 1) if "id2label" in config.entries else 2
    drop = config.number("classifier_dropout", sums, below=1)
    return Headed(body, ClassificationHead(parts.linear(width, width), parts.linear(width, classes), drop))


def entries(model: Any) -> dict[str, Any]:
    """Return the config of a model: what `blank` would make it of, if it is a BERT."""
    body: Any = model if isinstance(model, EncoderOnly) else model.body
    block, (vocabulary, width) = body.stack.blocks[0], body.embedding.table.shape
    attention, feedforward = block.attention.inner, block.feedforward.inner
    said: dict[str, Any] = {"architectures": [ENCODER]}
    if isinstance(model, MaskedLanguageModel):
        said = {"architectures": [MASKED], "tie_word_embeddings": True}
    if isinstance(model, Headed):
        head: Any = model.head
        labels = {str(i): f"LABEL_{i}" for i in range(head.width_out)}
        said = {"architectures": [CLASSIFIER], "classifier_dropout": head.dropout, "id2label": labels}
        said["label2id"] = {label: int(i) for i, label in labels.items()}
    return said | {
        "model_type": "bert", "vocab_size": vocabulary, "max_position_embeddings": len(body.positions.table),
        "type_vocab_size": len(body.segments.table), "hidden_size": width, "num_attention_heads": attention.heads,
        "intermediate_size": feedforward.hidden.w.shape[1], "num_hidden_layers": len(body.stack.blocks),
        "hidden_act": parts.activation(feedforward), "layer_norm_eps": body.norm.eps,
        "hidden_dropout_prob": body.dropout, "attention_probs_dropout_prob": getattr(attention, "dropout", 0.0),
        "dtype": str(body.embedding.table.dtype),
    }  # fmt: skip


# What stands twice in some files of masked language models.
COPIES = (
    (f"{WORDS}decoder.weight", f"{FIRST}embeddings.word_embeddings.weight"),
    (f"{WORDS}decoder.bias", f"{WORDS}bias"),
)
BERT = Family("BERT", ("bert",), TABLE, blank, entries, parameters, COPIES)
load, save = BERT.load, BERT.save
