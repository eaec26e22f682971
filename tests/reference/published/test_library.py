import pytest

from reference.core.families import TransformerSettings
from reference.models.transformer import Transformer
from reference.published import library


def test_every_model_is_written_by_its_family_and_read_again(published, tmp_path):
    family, model = published
    library.save(model, tmp_path)
    loaded = library.load(tmp_path)
    assert repr(loaded) == repr(model)
    assert family.describe(loaded) == family.describe(model)


def test_no_two_families_describe_one_model(published):
    family, model = published
    for other in library.FAMILIES:
        if other is not family:
            with pytest.raises(ValueError, match=f"^{other.title}: must be "):
                other.describe(model)


def test_an_unknown_architecture_is_refused_with_what_is_known(example, tmp_path, refused, edit):
    family, model = example
    family.save(model, tmp_path)
    edit(tmp_path, model_type="mamba")
    assert refused(library.load, tmp_path).endswith(
        "config.json: 'model_type' must be one of " + ", ".join(map(repr, library.KNOWN)) + ", got 'mamba'"
    )
    edit(tmp_path, model_type=None)
    assert refused(library.load, tmp_path).endswith("config.json: must have an entry 'model_type', got none")


def test_a_model_of_no_family_is_refused_with_what_each_says(rng, tmp_path, refused):
    model = Transformer.init(rng, TransformerSettings(vocabulary=7, width=8, hidden=6))
    said = refused(library.save, model, tmp_path / "none")
    assert said == "; ".join(
        f"{family.title}: must be a model of this family, got another Transformer" for family in library.FAMILIES
    )
    assert not (tmp_path / "none").exists()


def test_half_precision_is_read_by_choice(example, tmp_path):
    family, model = example
    family.save(model.astype("float16"), tmp_path)
    assert library.load(tmp_path, "float32").vocabulary.table.dtype == "float32"
