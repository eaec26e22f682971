import dataclasses
import json

import numpy as np
import pytest

from reference.core import tree
from reference.core.families import TransformerSettings
from reference.layers.learned import LearnedPositions
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.tied import TiedTransformer
from reference.published import folder, marian, tensors


@pytest.fixture
def model(rng):
    sizes = {"heads": 4, "hidden": 6, "norm": "post", "encoder_layers": 2, "decoder_layers": 1}
    drawn = TiedTransformer.init(rng, TransformerSettings(vocabulary=11, width=8, embeddings="tied", **sizes))
    body = dataclasses.replace(drawn.body, positions=SinusoidalPositions(halves=True))
    drawn = TiedTransformer(drawn.vocabulary, body, np.zeros(11, np.float32))
    return tree.map(lambda p: rng.normal(size=p.shape).astype(p.dtype), drawn)


def same(one, other):
    pairs = zip(tree.leaves(one), tree.leaves(other), strict=True)
    return all(name == other_name and (a == b).all() for (name, a), (other_name, b) in pairs)


def rewritten(path, change):
    arrays = tensors.read(path / folder.TENSORS)
    tensors.write(path / folder.TENSORS, change(arrays))


def test_the_table_may_stand_in_every_place_and_positions_are_passed_over(model, tmp_path):
    marian.save(model, tmp_path)
    places = "lm_head", "model.encoder.embed_tokens", "model.decoder.embed_tokens"
    copies = {f"{place}.weight": model.vocabulary.table for place in places}
    positions = {f"model.{part}.embed_positions.weight": np.ones((5, 8), np.float32) for part in ("encoder", "decoder")}
    rewritten(tmp_path, lambda arrays: arrays | copies | positions)
    assert same(marian.load(tmp_path), model)


@pytest.mark.parametrize("place", ["lm_head", "model.encoder.embed_tokens", "model.decoder.embed_tokens"])
def test_another_table_in_one_place_is_refused(model, tmp_path, refused, place):
    marian.save(model, tmp_path)
    rewritten(tmp_path, lambda arrays: arrays | {f"{place}.weight": model.vocabulary.table + 1})
    said = f"'{place}.weight' must be 'model.shared.weight' once more, since the config ties the two, got another"
    assert refused(marian.load, tmp_path).endswith(said)


def test_the_bias_has_an_axis_more_there(model):
    assert marian.MARIAN.tensors(model)["final_logits_bias"].shape == (1, 11)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"share_encoder_decoder_embeddings": False}, "'share_encoder_decoder_embeddings' must be True, got False"),
        ({"tie_word_embeddings": False}, "'tie_word_embeddings' must be True, got False"),
        ({"attention_dropout": 0.1}, "'attention_dropout' must be one of 0, 0.0, got 0.1"),
        ({"decoder_layerdrop": 0.1}, "'decoder_layerdrop' must be one of 0, 0.0, got 0.1"),
        ({"decoder_vocab_size": 12}, "'decoder_vocab_size' must be vocab_size, 11, got 12"),
        ({"decoder_attention_heads": 3}, "'decoder_attention_heads' must be a divisor of the width 8, got 3"),
        ({"activation_function": "mish"}, "got 'mish'"),
        ({"d_model": None}, "must have an entry 'd_model', got none"),
    ],
)
def test_a_config_of_another_mathematics_is_refused(model, tmp_path, refused, edit, entries, said):
    marian.save(model, tmp_path)
    edit(tmp_path, **entries)
    assert refused(marian.load, tmp_path).endswith(said)


def test_a_model_that_is_no_marian_is_not_saved(model, rng, tmp_path, refused):
    positions = LearnedPositions(np.zeros((9, 8), np.float32))
    for other in (
        dataclasses.replace(model, bias=None),
        dataclasses.replace(model, scale=2.0),
        dataclasses.replace(model, body=dataclasses.replace(model.body, positions=SinusoidalPositions())),
        dataclasses.replace(model, body=dataclasses.replace(model.body, positions=positions)),
        TiedTransformer.init(rng, TransformerSettings(vocabulary=11, width=8, embeddings="tied", hidden=6)),
    ):
        assert refused(marian.save, other, tmp_path / "none").startswith("Marian: must be ")
    assert not (tmp_path / "none").exists()


def test_the_config_says_what_others_read(model, tmp_path):
    marian.save(model, tmp_path)
    config = json.loads((tmp_path / folder.CONFIG).read_text())
    said = ("architectures", "model_type", "encoder_layers", "decoder_layers", "scale_embedding", "dtype")
    assert [config[name] for name in said] == [["MarianMTModel"], "marian", 2, 1, True, "float32"]
