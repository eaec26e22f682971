import dataclasses

import pytest
import sized

from reference.core import tree
from reference.core.families import BlockSettings
from reference.scaling.parameters import parameters


@pytest.mark.parametrize("name", sized.SETTINGS)
def test_the_count_is_that_of_the_model_that_is_drawn(name, rng):
    settings = sized.SETTINGS[name]
    assert parameters(settings) == sum(leaf.size for _, leaf in tree.leaves(sized.drawn(settings, rng)))


@pytest.mark.parametrize("name", sized.SETTINGS)
def test_each_block_adds_the_same_number(name):
    settings = sized.SETTINGS[name]
    for field in ("layers", "encoder_layers", "decoder_layers"):
        if hasattr(settings, field):
            one, two, nine = (parameters(dataclasses.replace(settings, **{field: count})) for count in (1, 2, 9))
            assert nine - one == 8 * (two - one) > 0


def test_separate_tables_are_what_they_add():
    for name, tables in (("two stacks", 2), ("decoder", 1)):
        settings = sized.SETTINGS[name]
        tied = dataclasses.replace(settings, embeddings="tied")
        bias = settings.vocabulary if name == "two stacks" else 0
        assert parameters(settings) - parameters(tied) == tables * settings.vocabulary * settings.width + bias


# Wrong versions


def test_twelve_squares_are_not_the_count():
    settings = sized.SETTINGS["decoder"]
    assert 12 * settings.layers * settings.width**2 < 0.9 * parameters(settings)


def test_groups_are_counted():
    one, two = sized.SETTINGS["decoder"], sized.SETTINGS["decoder, 2 groups"]
    assert parameters(one) - parameters(two) == one.layers * (2 * 16 * 8 + 2 * 8)  # of 16 entries, 8 are left


@pytest.mark.parametrize("settings", [BlockSettings(), None])
def test_other_settings_are_refused(settings):
    with pytest.raises(TypeError, match=f"settings must be those of a family of models, got {type(settings).__name__}"):
        parameters(settings)
