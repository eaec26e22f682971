import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from reference.published import folder, tensors

ARRAYS = {"a": np.arange(3.0), "b": np.ones((2, 2))}


@pytest.fixture
def parts(tmp_path):
    """A folder with its tensors in two files."""
    (tmp_path / folder.CONFIG).write_text("{}")
    for name, array in ARRAYS.items():
        tensors.write(tmp_path / f"{name}.safetensors", {name: array})
    places = {name: f"{name}.safetensors" for name in ARRAYS}
    (tmp_path / folder.INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return tmp_path


@pytest.mark.parametrize("name", ["", "other.safetensors"])
def test_a_folder_and_a_file_say_what_was_written(tmp_path, same_bytes, name):
    path = tmp_path / "new" / name
    folder.write(path, {"n": 1}, ARRAYS)
    assert folder.config_of(path).size("n") == 1
    assert same_bytes(folder.tensors_of(path), ARRAYS)


def test_several_files_are_read_by_their_index(parts, same_bytes):
    assert same_bytes(folder.tensors_of(parts), ARRAYS)


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (None, "'weight_map' must give the name of a file for each tensor, got None"),
        ({"a": "../a.safetensors"}, "'weight_map' must give the name of a file"),
        ({"a": "c.safetensors"}, "must name files that there are, got c.safetensors"),
        ({"a": "a.safetensors", "c": "a.safetensors"}, "must name what a.safetensors holds, got 'c' in one of the two"),
        ({"c": "a.safetensors"}, "must name what a.safetensors holds, got 'a' in one of the two"),
    ],
)
def test_an_index_that_contradicts_its_files_is_refused(parts, refused, places, said):
    (parts / folder.INDEX).write_text(json.dumps({"weight_map": places}))
    assert said in refused(folder.tensors_of, parts)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.pkl", "model.ckpt"])
def test_a_pickle_is_refused_and_never_opened(tmp_path, refused, name):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    (tmp_path / folder.CONFIG).write_text("{}")
    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    for ask, path in ((folder.config_of, tmp_path / name), (folder.tensors_of, tmp_path)):
        assert refused(ask, path).endswith(
            f"{name}: must be .safetensors, got a pickle, which may run code: save it again where it was made, "
            "as .safetensors"
        )


def test_what_is_not_there_is_said(tmp_path, refused):
    assert refused(folder.config_of, tmp_path / "none").endswith(
        "none: must be a folder or a .safetensors file, got nothing there"
    )
    assert refused(folder.config_of, tmp_path).endswith("config.json: must be there, got no such file")
    assert refused(folder.tensors_of, tmp_path).endswith("must have a model.safetensors, got none")
    (tmp_path / "model.onnx").write_bytes(b"")
    assert refused(folder.tensors_of, tmp_path / "model.onnx").endswith("got a file that ends in '.onnx'")


def test_a_config_cut_at_any_byte_is_refused(tmp_path, refused):
    folder.write(tmp_path, {"model_type": "gpt2", "n": [1, 2.5]}, ARRAYS)
    whole = (tmp_path / folder.CONFIG).read_bytes().rstrip()
    for length in range(len(whole)):
        (tmp_path / folder.CONFIG).write_bytes(whole[:length])
        assert "must be JSON, got other text, or a part of it" in refused(folder.config_of, tmp_path)


@pytest.mark.parametrize("text", ["{", "", "\xff", "[" * 100_000])
def test_a_config_that_is_no_json_is_refused(tmp_path, refused, text):
    (tmp_path / folder.CONFIG).write_bytes(text.encode("latin-1"))
    assert "must be JSON, got other text, or a part of it" in refused(folder.config_of, tmp_path)


def test_a_config_that_is_no_object_is_refused(tmp_path, refused):
    (tmp_path / folder.CONFIG).write_text("[1]")
    assert refused(folder.config_of, tmp_path).endswith("must be an object, got list")


def test_special_tokens_stand_in_the_config_or_in_a_file_that_comes_before_it(example, tmp_path, edit, refused):
    family, model = example
    family.save(model, tmp_path, {"eos_token_id": 3, "pad_token_id": 5})
    assert folder.special_of(tmp_path) == {"eos_token_id": 3, "pad_token_id": 5}
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 4, "bad_words_ids": [[5]], "num_beams": 6}')
    assert folder.special_of(tmp_path) == {"eos_token_id": 4, "pad_token_id": 5, "bad_words_ids": [[5]]}
    (tmp_path / "generation_config.json").write_text("{")
    said = "generation_config.json: must be JSON, got other text, or a part of it"
    assert refused(folder.special_of, tmp_path).endswith(said)


def test_what_a_model_is_used_with_is_copied_and_nothing_else(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir(), out.mkdir()
    for name in (*folder.OTHERS, folder.CONFIG, "model.bin", "README.md"):
        (source / name).write_bytes(name.encode())
    folder.copy_others(source, out)
    assert {file.name: file.read_bytes().decode() for file in out.iterdir()} == {name: name for name in folder.OTHERS}
    folder.write(source / "other.safetensors", {}, ARRAYS)
    beside = tmp_path / "beside"
    beside.mkdir()
    folder.copy_others(source / "other.safetensors", beside)
    assert {file.name for file in beside.iterdir()} == set(folder.OTHERS)


def test_a_folder_is_there_when_all_is_written_and_not_before(tmp_path):
    out = tmp_path / "new" / "out"
    with folder.drafted(out) as draft:
        folder.write(draft, {"n": 1}, ARRAYS)
        assert not out.exists()
    assert sorted(file.name for file in out.iterdir()) == [folder.CONFIG, folder.TENSORS]
    assert [file.name for file in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_is_interrupted_leaves_nothing(tmp_path, error):
    def interrupted():
        with folder.drafted(tmp_path / "out") as draft:
            folder.write(draft, {"n": 1}, ARRAYS)
            raise error

    with pytest.raises(error):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_a_config_is_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    folder.write(tmp_path, {"n": 1}, ARRAYS)
    write = Path.write_text

    def full(path, text, **options):
        write(path, text[: len(text) // 2], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        folder.write(tmp_path, {"n": 2}, ARRAYS)
    assert folder.config_of(tmp_path).size("n") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == [folder.CONFIG, folder.TENSORS]
