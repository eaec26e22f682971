import dataclasses
import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from reference.core import tree
from reference.job import checkpoint, train
from reference.job.checkpoint import CheckpointError


@pytest.fixture
def saved(tiny, trained, tmp_path):
    """saved(steps=4, **changes): settings, state and path of a checkpoint."""

    def saved(steps=4, **changes):
        settings = tiny(**changes)
        state = trained(settings, steps)
        path = tmp_path / "checkpoint.safetensors"
        checkpoint.save(path, settings, state)
        return settings, state, path

    return saved


def about(path):
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()[checkpoint.ENTRY])


def rewrite(path, arrays=None, **changes):
    """Write the checkpoint again with other metadata, or other arrays."""
    arrays = load_file(path) if arrays is None else arrays
    save_file(arrays, path, {checkpoint.ENTRY: json.dumps(about(path) | changes)})


def refused(path):
    with pytest.raises(CheckpointError) as error:
        checkpoint.load(path)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd"}, {"embeddings": "tied", "norm": "post", "layers": 2}])
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_what_is_loaded_is_what_was_saved_bit_for_bit(saved, tiny, changes, steps, tmp_path):
    if steps:
        settings, state, path = saved(steps, **changes)
    else:
        settings, path = tiny(**changes), tmp_path / "checkpoint.safetensors"
        state = train.begin(settings)
        checkpoint.save(path, settings, state)
    loaded_settings, loaded = checkpoint.load(path)
    assert loaded_settings == settings
    assert (loaded.random, loaded.records, loaded.step) == (state.random, state.records, steps)
    assert loaded.losses.tobytes() == state.losses.tobytes()
    assert loaded.optimizer.step == state.optimizer.step == steps
    for was, now in ((state.model, loaded.model), (state.optimizer, loaded.optimizer)):
        pairs = zip(tree.leaves(was), tree.leaves(now), strict=True)
        assert all(a == b and x.tobytes() == y.tobytes() for (a, x), (b, y) in pairs)


def test_a_loaded_run_goes_on_to_the_same_bits(saved, trained, tmp_path):
    settings, state, path = saved(4)
    ends = [trained(settings, state=start) for start in (state, checkpoint.load(path)[1])]
    for i, end in enumerate(ends):
        checkpoint.save(tmp_path / str(i), settings, end)
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_parameters_are_named_by_their_path(saved):
    _, state, path = saved()
    arrays = load_file(path)
    for name, array in tree.leaves(state.model):
        np.testing.assert_array_equal(arrays.pop(name), array)
    prefixes = {name.partition("/")[0] for name in arrays}
    assert prefixes == {"optimizer", "training"}


def test_one_state_makes_one_file(saved):
    settings, state, path = saved()
    first = path.read_bytes()
    checkpoint.save(path, settings, state)
    assert path.read_bytes() == first


def test_a_missing_file_is_one_clear_line(tmp_path):
    assert refused(tmp_path / "none") == "no such checkpoint"


def test_a_file_that_is_cut_off_anywhere_is_one_clear_line(saved):
    path = saved()[-1]
    whole = path.read_bytes()
    for size in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert refused(path).startswith("not a whole checkpoint (")


@pytest.mark.parametrize("content", [b"PNG" * 100, b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 64])
def test_a_file_of_another_kind_is_one_clear_line(tmp_path, content):
    path = tmp_path / "a"
    path.write_bytes(content)
    assert refused(path).startswith("not a ")


def test_a_folder_is_one_clear_line(tmp_path):
    assert refused(tmp_path).startswith("not a whole checkpoint (")


@pytest.mark.parametrize("metadata", [None, {"other": "x"}, {checkpoint.ENTRY: "[]"}, {checkpoint.ENTRY: "{"}])
def test_a_safetensors_file_of_somebody_else_is_one_clear_line(tmp_path, metadata):
    save_file({"w": np.zeros(3)}, tmp_path / "a", metadata)
    assert refused(tmp_path / "a").startswith("not a ")


def test_another_version_is_one_clear_line(saved):
    path = saved()[-1]
    rewrite(path, version=2)
    assert refused(path) == "not a checkpoint that this version can read (version 2)"


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {}},
        {"settings": {"heads": 3}},
        {"settings": {"depth": 3}},
        {"settings": None},
        {"random": {}},
        {"random": None},
        {"random": {"bit_generator": "MT19937"}},
        {"records": None},
        {"records": [1]},
        {"records": []},
        {"records": [{}]},
        {"random": {"bit_generator": "PCG64", "state": {"state": -1, "inc": 1}, "has_uint32": 0, "uinteger": 0}},
    ],
)
def test_metadata_that_make_no_sense_are_one_clear_line(saved, changes):
    path = saved()[-1]
    if changes.get("settings"):
        changes = {"settings": about(path)["settings"] | changes["settings"]}
    rewrite(path, **changes)
    refused(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "x"}, "record 1 must have the numbers epoch, "),
        ({"ears": 2}, "record 1 must have the numbers epoch, "),
        ({"epoch": 2}, "record 1 is of epoch 2 and step 3"),
        ({"step": 4}, "record 1 is of epoch 1 and step 4"),
        ({"loss": float("nan")}, "record 1 has a number that is not finite"),
    ],
)
def test_a_record_that_makes_no_sense_is_one_clear_line(saved, change, message):
    path = saved()[-1]
    rewrite(path, records=[about(path)["records"][0] | change])
    assert refused(path).startswith(f"not a checkpoint that this version can read ({message}")


def test_what_is_no_json_is_never_written(saved):
    settings, state, path = saved()
    before = path.read_bytes()
    record = state.records[0] | {"loss": float("nan")}
    with pytest.raises(ValueError, match="not JSON compliant"):
        checkpoint.save(path, settings, dataclasses.replace(state, records=(record,)))
    assert path.read_bytes() == before


def test_parameters_of_another_shape_are_one_clear_line(saved):
    path = saved()[-1]
    rewrite(path, settings=about(path)["settings"] | {"hidden": 6})
    assert refused(path) == "'body.encoder.blocks[0].feedforward.inner.hidden.w' must have shape (8, 6), got (8, 5)"


def test_parameters_of_another_dtype_are_one_clear_line(saved):
    path = saved()[-1]
    rewrite(path, load_file(path) | {"output.b": np.zeros(4)})
    assert refused(path) == "'output.b' must be float32, got float64"


def test_a_missing_and_a_strange_parameter_are_one_clear_line(saved):
    path = saved()[-1]
    arrays = load_file(path)
    rewrite(path, arrays | {"ears": np.zeros(4)})
    assert refused(path) == "'ears' must not be there"
    del arrays["output.b"]
    rewrite(path, arrays)
    assert refused(path) == "'output.b' must be there"


@pytest.mark.parametrize("losses", [np.zeros((2, 2)), np.zeros(4, np.float32), np.zeros(7)])
def test_losses_that_do_not_fit_the_run_are_one_clear_line(saved, losses):
    path = saved()[-1]
    rewrite(path, load_file(path) | {"training/losses": losses})
    refused(path)


def test_a_run_that_never_began_has_a_checkpoint_too(tiny, tmp_path):
    settings = tiny()
    checkpoint.save(tmp_path / "a", settings, train.begin(settings))
    assert checkpoint.load(tmp_path / "a")[1].step == 0


def test_settings_are_those_of_the_run(saved):
    settings, _, path = saved()
    assert about(path)["settings"] == dataclasses.asdict(settings)
