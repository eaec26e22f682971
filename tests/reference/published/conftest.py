"""Models of every family, small and random, each with the family that writes it."""

import dataclasses
import json

import numpy as np
import pytest

from reference.core import tree
from reference.core.families import DecoderOnlySettings, EncoderOnlySettings, TransformerSettings
from reference.layers.classification_head import ClassificationHead
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.rotary import Rotary
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.decoder_only import DecoderOnly
from reference.models.encoder_only import EncoderOnly
from reference.models.headed import Headed
from reference.models.masked_language_model import MaskedLanguageModel
from reference.models.tied import TiedTransformer
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.published.bert import BERT
from reference.published.config import Config
from reference.published.gemma import GEMMA, GEMMA_2
from reference.published.gpt2 import GPT2
from reference.published.llama import LLAMA
from reference.published.marian import MARIAN
from reference.published.t5 import T5

SIZES = {"vocabulary": 11, "length": 9, "width": 8, "heads": 4, "layers": 2}


def gpt(rng, **more):
    settings = DecoderOnlySettings.gpt(**SIZES, **more)
    return (TiedDecoderOnly if settings.embeddings == "tied" else DecoderOnly).init(rng, settings)


def llama(rng, **more):
    settings = DecoderOnlySettings.llama(**SIZES, hidden=6, **more)
    return (TiedDecoderOnly if settings.embeddings == "tied" else DecoderOnly).init(rng, settings)


def attending(model, change):
    """Return the model with `change(attention, number of the block)` for the attention of every block."""
    blocks = [
        dataclasses.replace(each, attention=dataclasses.replace(each.attention, inner=change(each.attention.inner, i)))
        for i, each in enumerate(model.stack.blocks)
    ]
    return dataclasses.replace(model, stack=dataclasses.replace(model.stack, blocks=tuple(blocks)))


def qwen(rng, **options):
    """Return a model with biases of query, key and value, or with norms of query and key, and one window."""

    def attention(_, i):
        made = GroupedAttention.init(rng, 8, 4, 2, head_width=6, rotary=Rotary(100.0), window=(None, 3)[i], **options)
        return dataclasses.replace(made, output=dataclasses.replace(made.output, b=None))

    return attending(llama(rng), attention)


def turned(rotary):
    return lambda rng: attending(llama(rng), lambda each, _: dataclasses.replace(each, rotary=rotary))


def bert(rng, dropout=0.0):
    sizes = SIZES | {"hidden": 6, "dropout": dropout}
    return EncoderOnly.init(rng, EncoderOnlySettings(**sizes))


def masked(rng):
    return MaskedLanguageModel.init(rng, EncoderOnlySettings(**SIZES | {"hidden": 6, "dropout": 0.1}))


def dropping(rng):
    """Return a model that drops weights of its attention too."""

    def attention(each, _):
        maps = {name: getattr(each, name) for name in ("query", "key", "value", "output", "heads")}
        return GroupedAttention(**maps, causal=False, dropout=0.2)

    return attending(bert(rng, 0.1), attention)


def marian(rng, **changes):
    sizes = {"heads": 4, "hidden": 6, "norm": "post", "dropout": 0.1, "encoder_layers": 2, "decoder_layers": 2}
    drawn = TiedTransformer.init(rng, TransformerSettings(vocabulary=11, width=8, embeddings="tied", **sizes))
    body = dataclasses.replace(drawn.body, positions=SinusoidalPositions(halves=True))
    return TiedTransformer(drawn.vocabulary, body, np.zeros(11, np.float32), **changes)


T5_SIZES = {
    "model_type": "t5", "vocab_size": 11, "d_model": 8, "d_kv": 3, "num_heads": 4, "d_ff": 6, "num_layers": 2,
    "num_decoder_layers": 1, "relative_attention_num_buckets": 12, "relative_attention_max_distance": 20,
}  # fmt: skip


GEMMA_SIZES = {
    "vocab_size": 11, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 6,
}  # fmt: skip


def gemma(family, **entries):
    (kind,) = family.types
    return lambda rng: family.blank(Config("config.json", {"model_type": kind, **GEMMA_SIZES, **entries})).astype("f")


def t5(rng, **entries):
    return T5.blank(Config("config.json", T5_SIZES | entries)).astype(np.float32)


MODELS = {
    "GPT-2": (GPT2, lambda rng: gpt(rng, embeddings="tied", dropout=0.1)),
    "GPT-2, two tables": (GPT2, lambda rng: gpt(rng, hidden=6)),
    "Llama": (LLAMA, lambda rng: llama(rng, key_value_heads=2)),
    "Llama, one table, biases": (LLAMA, lambda rng: llama(rng, embeddings="tied", bias=True)),
    "Llama, all slower": (LLAMA, turned(Rotary(500.0, 2.5))),
    "Llama, slow ones slower": (LLAMA, turned(Rotary(500.0, 8.0, 32, 0.5, 4.0))),
    "Mistral": (LLAMA, lambda rng: llama(rng, key_value_heads=1, window=3)),
    "Qwen 2": (LLAMA, lambda rng: qwen(rng, bias=True)),
    "BERT": (BERT, bert),
    "BERT, a masked language model": (BERT, masked),
    "BERT, a classifier": (BERT, lambda rng: Headed(dropping(rng), ClassificationHead.init(rng, 8, 3, dropout=0.3))),
    "Marian": (MARIAN, marian),
    "Marian, embeddings as they are": (MARIAN, lambda rng: marian(rng, scale=1.0)),
    "T5": (T5, t5),
    "T5, gated, an output of its own": (
        T5, lambda rng: t5(rng, feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0),
    ),
    "T5, no factor of the output": (T5, lambda rng: t5(rng, scale_decoder_outputs=False)),
    "Gemma": (GEMMA, gemma(GEMMA)),
    "Gemma, biases": (GEMMA, gemma(GEMMA, attention_bias=True, attention_dropout=0.1, rope_theta=500.0)),
    "Gemma 2": (GEMMA_2, gemma(GEMMA_2, sliding_window=3, query_pre_attn_scalar=5)),
    "Gemma 2, no cap of the logits": (GEMMA_2, gemma(GEMMA_2, final_logit_softcapping=None)),
    "Qwen 3": (LLAMA, lambda rng: qwen(rng, qk_norm=True)),
}


@pytest.fixture(params=MODELS)
def published(request, rng):
    """A family, and a model of it with random numbers everywhere."""
    family, model = MODELS[request.param]
    return family, tree.map(lambda p: rng.normal(size=p.shape).astype(p.dtype), model(rng))


@pytest.fixture
def example(rng):
    """A family, and one model of it: for what has nothing to do with the family."""
    family, model = MODELS["GPT-2"]
    return family, model(rng)


@pytest.fixture
def refused():
    """refused(function, *arguments): the one line with which it refuses them."""

    def refused(function, *arguments, **options):
        with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as error:
            function(*arguments, **options)
        return str(error.value)

    return refused


@pytest.fixture
def edit():
    """edit(folder, entry=...): write its config again with other entries."""

    def edit(folder, **entries):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | entries))

    return edit


def same_bytes(one, other):
    """Whether two dicts of arrays have the same names, dtypes, shapes and bytes."""
    said = [{name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()} for arrays in (one, other)]
    return said[0] == said[1]


@pytest.fixture(name="same_bytes")
def _same_bytes():
    return same_bytes
