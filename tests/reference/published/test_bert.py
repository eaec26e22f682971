import dataclasses

import numpy as np
import pytest

from reference.core import tree
from reference.core.families import EncoderOnlySettings
from reference.layers.classification_head import ClassificationHead
from reference.layers.language_model_head import LanguageModelHead
from reference.models.encoder_only import EncoderOnly
from reference.models.headed import Headed
from reference.models.masked_language_model import MaskedLanguageModel
from reference.published import bert, folder, tensors
from reference.published.parts import ACTIVATIONS

SIZES = {"vocabulary": 11, "length": 9, "width": 8, "heads": 4, "hidden": 6, "layers": 2}


@pytest.fixture
def model(rng):
    return EncoderOnly.init(rng, EncoderOnlySettings(**SIZES))


def same(one, other):
    pairs = zip(tree.leaves(one), tree.leaves(other), strict=True)
    return all(name == other_name and (a == b).all() for (name, a), (other_name, b) in pairs)


def rewritten(path, change):
    arrays = tensors.read(path / folder.TENSORS)
    tensors.write(path / folder.TENSORS, change(arrays))


def test_an_encoder_alone_is_read_without_the_first_word_and_with_its_pooler(model, tmp_path):
    bert.save(model, tmp_path)
    pooler = {"pooler.dense.weight": np.ones((8, 8), np.float32), "pooler.dense.bias": np.ones(8, np.float32)}
    rewritten(tmp_path, lambda arrays: {name.removeprefix("bert."): a for name, a in arrays.items()} | pooler)
    assert same(bert.load(tmp_path), model)


def test_the_gain_of_a_norm_may_be_called_gamma(model, tmp_path):
    def old(name):
        return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    bert.save(model, tmp_path)
    rewritten(tmp_path, lambda arrays: {old(name): array for name, array in arrays.items()})
    assert same(bert.load(tmp_path), model)


def test_numbers_of_positions_are_passed_over():
    arrays = {"embeddings.position_ids": np.arange(9)[None], "embeddings.LayerNorm.bias": np.ones(8)}
    assert list(bert.parameters(arrays)) == ["bert.embeddings.LayerNorm.bias"]


def test_a_classifier_keeps_its_pooler_and_says_its_classes(model, rng, tmp_path, edit):
    headed = Headed(model, ClassificationHead.init(rng, 8, 3))
    bert.save(headed, tmp_path)
    assert bert.BERT.describe(headed)["id2label"] == {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
    assert same(bert.load(tmp_path), headed)
    edit(tmp_path, id2label={"0": "no", "1": "perhaps", "2": "yes"}, classifier_dropout=None, hidden_dropout_prob=0.2)
    assert bert.load(tmp_path).head.dropout == 0.2


def test_two_classes_are_meant_where_none_are_named(model, rng, tmp_path, edit):
    headed = Headed(model, ClassificationHead.init(rng, 8, 2))
    bert.save(headed, tmp_path)
    edit(tmp_path, id2label=None, label2id=None)
    assert same(bert.load(tmp_path), headed)


@pytest.fixture
def masked(rng):
    drawn = MaskedLanguageModel.init(rng, EncoderOnlySettings(**SIZES))
    return tree.map(lambda p: rng.normal(size=p.shape).astype(p.dtype), drawn)


def test_a_masked_language_model_is_read_with_what_older_files_hold_besides(masked, tmp_path):
    bert.save(masked, tmp_path)
    table, bias = masked.body.embedding.table, masked.bias
    copies = {"cls.predictions.decoder.weight": table, "cls.predictions.decoder.bias": bias}
    unread = {"bert.pooler.dense.weight": table[:8], "cls.seq_relationship.weight": table[:2]}
    rewritten(tmp_path, lambda arrays: arrays | copies | unread)
    assert same(bert.load(tmp_path), masked)


@pytest.mark.parametrize(
    ("copy", "of"), [("decoder.weight", "bert.embeddings.word_embeddings.weight"), ("decoder.bias", "bias")]
)
def test_another_output_than_the_table_is_refused(masked, tmp_path, refused, copy, of):
    bert.save(masked, tmp_path)
    other = {"decoder.weight": masked.body.embedding.table + 1, "decoder.bias": masked.bias + 1}[copy]
    rewritten(tmp_path, lambda arrays: arrays | {f"cls.predictions.{copy}": other})
    assert f"'cls.predictions.{copy}' must be '" in refused(bert.load, tmp_path)
    assert refused(bert.load, tmp_path).endswith(f"{of}' once more, since the config ties the two, got another")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"position_embedding_type": "relative_key"}, "must be 'absolute', got 'relative_key'"),
        ({"is_decoder": True}, "'is_decoder' must be False, got True"),
        ({"hidden_act": "mish"}, "must be one of " + ", ".join(map(repr, ACTIVATIONS)) + ", got 'mish'"),
        ({"num_attention_heads": 3}, "'num_attention_heads' must be a divisor of the width 8, got 3"),
        (
            {"architectures": ["BertForTokenClassification"]},
            "['BertModel'], ['BertForMaskedLM'], ['BertForSequenceClassification'], got ['BertForTokenClassification']",
        ),
        ({"architectures": "BertModel"}, "['BertForSequenceClassification'], got 'BertModel'"),
        (
            {"architectures": ["BertForMaskedLM"]},
            "must have a tensor 'cls.predictions.transform.dense.weight', got none of this name",
        ),
        (
            {"architectures": ["BertForMaskedLM"], "tie_word_embeddings": False},
            "'tie_word_embeddings' must be True, got False",
        ),
        (
            {"architectures": ["BertForSequenceClassification"]},
            "must have a tensor 'bert.pooler.dense.weight', got none of this name",
        ),
    ],
)
def test_a_config_that_no_model_or_no_tensors_fit_is_refused(model, tmp_path, refused, edit, entries, said):
    bert.save(model, tmp_path)
    edit(tmp_path, **entries)
    assert refused(bert.load, tmp_path).endswith(said)


def test_a_model_that_no_config_describes_is_not_saved(model, rng, tmp_path, refused):
    for other in (
        EncoderOnly.init(rng, EncoderOnlySettings(**SIZES, norm="pre")),
        dataclasses.replace(model, segments=None),
        Headed(model, LanguageModelHead.init(rng, 8, 11)),
    ):
        assert refused(bert.save, other, tmp_path / "none").startswith("BERT: must be ")
    assert not (tmp_path / "none").exists()
