import pytest

from reference.core.families import (
    BlockSettings,
    DecoderOnlySettings,
    EncoderDecoderSettings,
    EncoderOnlySettings,
    TransformerSettings,
    expect_embeddings,
)

FAMILIES = [TransformerSettings, DecoderOnlySettings, EncoderOnlySettings]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_a_default_for_all_but_the_vocabulary(family):
    settings = family(vocabulary=7)
    assert family.of(settings.entries()) == settings
    with pytest.raises(TypeError, match="vocabulary"):
        family()


def test_what_a_part_is_made_from_is_part_of_the_settings_of_the_whole():
    assert issubclass(TransformerSettings, EncoderDecoderSettings)
    assert issubclass(EncoderDecoderSettings, BlockSettings)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"width": 8, "heads": 3}, "heads must divide the width 8, got 3"),
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"dropout": 1.5}, r"dropout must lie in \[0, 1\), got 1\.5"),
        ({"dropout": float("nan")}, r"dropout must lie in \[0, 1\), got nan"),
    ],
)
def test_sizes_that_do_not_fit_are_one_clear_line(family, given, message):
    with pytest.raises(ValueError, match=f"^{family.__name__}: {message}$"):
        family(vocabulary=7, **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key_value_heads": 8}, "key-value-heads must divide the heads 4, got 8"),
        ({"heads": 8, "key_value_heads": 8}, "rotary positions must have an even head width, .*, got 8 / 8"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"positions": "rotated"}, "positions must be 'learned' or .* or 'none', got 'rotated'"),
    ],
)
def test_heads_and_positions_that_do_not_fit_are_one_clear_line(given, message):
    with pytest.raises(ValueError, match=f"^DecoderOnlySettings: {message}$"):
        DecoderOnlySettings.llama(**{"vocabulary": 7, "width": 8, "heads": 4} | given)


def test_gpt_and_llama_are_what_their_papers_name():
    gpt, llama = DecoderOnlySettings.gpt(vocabulary=7), DecoderOnlySettings.llama(vocabulary=7)
    assert (gpt.positions, gpt.normalization, gpt.feedforward, gpt.bias) == ("learned", "layer", "gelu", True)
    assert (llama.positions, llama.normalization, llama.feedforward, llama.bias) == ("rotary", "rms", "swiglu", False)
    assert DecoderOnlySettings.llama(vocabulary=7, positions="alibi").positions == "alibi"


def test_an_encoder_without_decoder_is_post_norm_as_bert_is():
    assert EncoderOnlySettings(vocabulary=7).norm == "post"
    assert TransformerSettings(vocabulary=7).norm == "pre"


def test_embeddings_of_another_kind_are_one_clear_line():
    settings = TransformerSettings(vocabulary=7)
    assert expect_embeddings("X.init", settings, "separate") is None
    with pytest.raises(ValueError, match=r"^X\.init: embeddings must be 'tied', got 'separate'$"):
        expect_embeddings("X.init", settings, "tied")
