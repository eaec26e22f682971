import json

import numpy as np
import pytest

from reference.core import tree
from reference.published import folder, tensors

UNSEEN = {  # of which no tensor knows
    ("GPT-2", "n_head"), ("Llama", "sliding_window"), ("BERT", "num_attention_heads"),
    ("Marian", "encoder_attention_heads"), ("Marian", "decoder_attention_heads"),
    ("T5", "relative_attention_max_distance"), ("Gemma 2", "sliding_window"), ("Gemma 2", "query_pre_attn_scalar"),
}  # fmt: skip


def test_load_save_load_gives_the_same_bytes_of_every_tensor(published, tmp_path, same_bytes):
    family, model = published
    family.save(model, tmp_path / "one")
    loaded = family.load(tmp_path / "one")
    family.save(loaded, tmp_path / "two" / "any.safetensors")
    again = family.load(tmp_path / "two" / "any.safetensors")
    assert same_bytes(dict(tree.leaves(model)), dict(tree.leaves(loaded)))
    assert same_bytes(dict(tree.leaves(loaded)), dict(tree.leaves(again)))
    assert (tmp_path / "one" / "model.safetensors").read_bytes() == (tmp_path / "two" / "any.safetensors").read_bytes()
    assert (tmp_path / "one" / "config.json").read_bytes() == (tmp_path / "two" / "config.json").read_bytes()


def test_a_loaded_model_is_the_model_to_the_bit(published, tmp_path):
    family, model = published
    family.save(model, tmp_path)
    ids = {"tokens": np.array([[3, 1, 4, 1, 5]])}
    if hasattr(model, "encode"):
        ids = {"source": ids["tokens"], "target": ids["tokens"]}
    loaded = family.load(tmp_path)
    assert repr(loaded) == repr(model)
    assert (loaded(**ids) == model(**ids)).all()


def test_each_row_of_the_table_is_another(published):
    family, model = published
    assert len({row.here for row in family.table}) == len(family.table)
    assert sum(array.size for array in family.tensors(model).values()) == sum(p.size for _, p in tree.leaves(model))


def test_a_tensor_missing_left_over_or_of_another_shape_is_refused(published, tmp_path, refused):
    family, model = published
    family.save(model, tmp_path)
    arrays = tensors.read(tmp_path / folder.TENSORS)
    for name, array in arrays.items():
        rest = {other: each for other, each in arrays.items() if other != name}
        for changed, said in (
            (rest, "must have a tensor"),
            (arrays | {f"{name}.more": array}, "must have no tensors but those of the config, got "),
            (arrays | {name: array[..., :-1]}, f"'{name}' must have shape {array.shape} by the config, got "),
            (arrays | {name: array.astype(float)}, "tensors must be of one dtype unless one is chosen, got float32, f"),
        ):
            tensors.write(tmp_path / folder.TENSORS, changed)
            assert said in refused(family.load, tmp_path)


def test_every_size_of_the_config_that_contradicts_the_tensors_is_refused(published, tmp_path, refused, edit):
    family, model = published
    family.save(model, tmp_path)
    config = json.loads((tmp_path / folder.CONFIG).read_text())
    sizes = {name: value for name, value in config.items() if type(value) is int and (family.title, name) not in UNSEEN}
    assert len(sizes) > 4
    for name, value in sizes.items():
        edit(tmp_path, **config | {name: 2 * value})
        assert "must" in refused(family.load, tmp_path)
        edit(tmp_path, **config | {name: -value})
        assert refused(family.load, tmp_path).endswith(f"'{name}' must be a whole number above 0, got {-value}")


def test_a_config_of_a_model_beyond_all_memory_is_refused(example, tmp_path, refused, edit):
    family, model = example
    family.save(model, tmp_path)
    edit(tmp_path, vocab_size=2**31, n_embd=2**20)  # 2**54 bytes
    assert refused(family.load, tmp_path).startswith(f"{tmp_path / 'config.json'}: a model must fit into memory, got ")


def test_a_folder_of_another_family_is_refused_with_what_is_known(published, tmp_path, refused, edit):
    family, model = published
    family.save(model, tmp_path)
    edit(tmp_path, model_type="mamba")
    said = refused(family.load, tmp_path)
    assert said.endswith("got 'mamba'") and all(repr(kind) in said for kind in family.types)


def test_half_precision_is_loaded_by_choice(example, tmp_path, refused):
    family, model = example
    family.save(model.astype(np.float16), tmp_path)
    assert "must be float32 or float64 unless a dtype is chosen, got float16" in refused(family.load, tmp_path)
    loaded = family.load(tmp_path, np.float32)
    halves = tree.leaves(model.astype(np.float16))
    for (_, half), (_, one) in zip(halves, tree.leaves(loaded), strict=True):
        assert one.dtype == np.float32 and (one == half).all()
    with pytest.raises(TypeError, match="GPT-2: load: dtype must be floating or complex, got int64"):
        family.load(tmp_path, int)


def test_an_output_that_is_held_twice_must_be_the_table(example, tmp_path, refused):
    family, model = example
    family.save(model, tmp_path)
    ((copy, table),), arrays = family.copies, tensors.read(tmp_path / folder.TENSORS)
    tensors.write(tmp_path / folder.TENSORS, arrays | {copy: arrays[table]})
    assert (family.load(tmp_path).vocabulary.table == model.vocabulary.table).all()
    tensors.write(tmp_path / folder.TENSORS, arrays | {copy: arrays[table] + 1})
    assert f"'{copy}' must be '{table}' once more, since the config ties the two" in refused(family.load, tmp_path)


def test_what_no_config_describes_is_not_saved(published, tmp_path, refused):
    family, _ = published
    for other in (np.zeros(3), None):
        said = refused(family.save, other, tmp_path / "none")
        assert said.startswith(f"{family.title}: must be a model of this family, got another")
    assert not (tmp_path / "none").exists()
