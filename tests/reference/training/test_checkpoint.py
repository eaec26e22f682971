import dataclasses
import hashlib
import json
import os
import re

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from reference.core import tree
from reference.training import checkpoint
from reference.training.errors import CheckpointError
from reference.training.optimizers import OPTIMIZERS
from reference.training.scalars import scalars
from reference.training.settings import Run
from reference.training.state import begin

CHANGES = [
    {},
    {"optimizer": "sgd"},
    {"optimizer": "muon"},
    {"optimizer": "nadam"},
    {"optimizer": "adafactor", "table_scale": 0.5},
    {"optimizer": "nadam", "table_scale": 2.0},
    {"embeddings": "tied", "norm": "post", "encoder_layers": 2, "decoder_layers": 2},
    {"model": "decoder-only", "embeddings": "tied"},
    {"model": "encoder-only"},
]


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


def rewrite(path, arrays=None, text=None, **changes):
    """Write the checkpoint again with other metadata, or other arrays, and with checksums that fit."""
    arrays = load_file(path) if arrays is None else arrays
    sums = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
    said = {name: value for name, value in about(path).items() if name != "checksum"} | {"checksums": sums} | changes
    said = {"checksum": hashlib.sha256(json.dumps(said).encode()).hexdigest()} | said
    save_file(arrays, path, {checkpoint.ENTRY: json.dumps(said) if text is None else text})


def refused(path):
    with pytest.raises(CheckpointError) as error:
        checkpoint.load(path)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_what_is_loaded_is_what_was_saved_bit_for_bit(saved, tiny, changes, steps, tmp_path):
    if steps:
        settings, state, path = saved(steps, **changes)
    else:
        settings, path = tiny(**changes), tmp_path / "checkpoint.safetensors"
        state = begin(settings)
        checkpoint.save(path, settings, state)
    loaded_settings, loaded = checkpoint.load(path)
    assert loaded_settings == settings
    assert (loaded.random, loaded.records, loaded.step) == (state.random, state.records, steps)
    assert loaded.losses.tobytes() == state.losses.tobytes()
    assert scalars(loaded.optimizer) == scalars(state.optimizer)
    assert loaded.optimizer.step == steps
    for was, now in ((state.model, loaded.model), (state.optimizer, loaded.optimizer)):
        pairs = zip(tree.leaves(was), tree.leaves(now), strict=True)
        assert all(a == b and x.tobytes() == y.tobytes() for (a, x), (b, y) in pairs)


@pytest.mark.parametrize("changes", CHANGES)
def test_a_loaded_run_goes_on_to_the_same_bits(saved, trained, tmp_path, changes):
    settings, state, path = saved(4, **changes)
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


def test_what_begins_like_a_checkpoint_is_told_from_tensors_of_somebody_else(saved):
    path = saved()[-1]
    assert checkpoint.is_one(path)
    path.write_bytes(path.read_bytes()[:100])
    assert checkpoint.is_one(path)
    for metadata in (None, {"format": "np"}, {"a": "b"}):
        save_file({"w": np.zeros(3)}, path, metadata)
        assert not checkpoint.is_one(path)


def test_another_version_is_one_clear_line(saved):
    path = saved()[-1]
    rewrite(path, version=1)
    assert refused(path) == "not a checkpoint that this version can read (version 1)"


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
        ({"loss": "x"}, "record 1 must have the numbers clipped, "),
        ({"ears": 2}, "record 1 must have the numbers clipped, "),
        ({"epoch": 2}, "record 1 is of epoch 2 and step 3"),
        ({"step": 4}, "record 1 is of epoch 1 and step 4"),
        ({"loss": float("nan")}, "record 1 has a number that is not finite"),
        ({"update_decoder": -1}, "record 1: update_decoder must lie in [0, inf], got -1"),
        ({"held_out_loss": -1e-9}, "record 1: held_out_loss must lie in [0, inf], got -1e-09"),
        ({"training_tokens": 1.5}, "record 1: training_tokens must lie in [0, 1], got 1.5"),
        ({"forced_sequences": -1}, "record 1: forced_sequences must lie in [0, 1], got -1"),
        ({"clipped": 2}, "record 1: clipped must lie in [0, 1], got 2"),
    ],
)
def test_a_record_that_makes_no_sense_is_one_clear_line(saved, change, message):
    path = saved()[-1]
    rewrite(path, records=[about(path)["records"][0] | change])
    assert refused(path).startswith(f"not a checkpoint that this version can read ({message}")


@pytest.fixture
def saved_text(trained, tmp_path):
    """saved_text(**entries): settings, state and path of a checkpoint of a run of text."""

    def saved_text(**entries):
        (tmp_path / "a.txt").write_text("the cat sat on the mat, é\n" * 40, encoding="utf-8")
        sizes = {"width": 8, "heads": 2, "layers": 1, "context": 8, "steps": 4, "epochs": 2, "batch": 2, "held-out": 3}
        settings = Run.of({"task": "text", "files": (str(tmp_path / "a.txt"),), **sizes, **entries})
        state, path = trained(settings, 3), tmp_path / "checkpoint.safetensors"
        checkpoint.save(path, settings, state)
        (tmp_path / "a.txt").unlink()
        return settings, state, path

    return saved_text


@pytest.mark.parametrize("tokenizer", ["bytes", "characters"])
def test_a_run_of_text_is_loaded_without_its_text(saved_text, tokenizer):
    settings, state, path = saved_text(tokenizer=tokenizer)
    before = path.read_bytes()
    found, loaded = checkpoint.load(path)
    assert found == settings and loaded.records == state.records and len(state.records[0]["sample"]) > 2
    checkpoint.save(path, found, loaded)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample": 3}, "record 1 must have a text for a sample, got int"),
        ({"held_out_bits_a_byte": "2"}, "record 1 must have the numbers clipped, "),
        ({"held_out_tokens": 0.5}, "record 1 must have the numbers clipped, "),
        ({"held_out_loss": float("inf")}, "record 1 has a number that is not finite"),
    ],
)
def test_a_record_of_text_that_makes_no_sense_is_one_clear_line(saved_text, change, message):
    path = saved_text()[-1]
    rewrite(path, records=[about(path)["records"][0] | change])
    assert refused(path).startswith(f"not a checkpoint that this version can read ({message}")


@pytest.mark.parametrize("line", ["", "{}", '{"characters": ""}', "[" * 10_000])
def test_a_tokenizer_that_makes_no_sense_is_one_clear_line(saved_text, line):
    path = saved_text()[-1]
    rewrite(path, settings=about(path)["settings"] | {"line": line})
    assert refused(path).startswith("not a checkpoint that this version can read (a tokenizer must ")


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
    checkpoint.save(tmp_path / "a", settings, begin(settings))
    assert checkpoint.load(tmp_path / "a")[1].step == 0


def test_settings_are_those_of_the_run(saved):
    settings, _, path = saved()
    assert about(path)["settings"] == settings.entries()


def test_a_setting_that_is_missing_does_not_take_its_default(saved):
    path = saved()[-1]
    for name in about(path)["settings"]:
        settings = about(path)["settings"]
        rewrite(path, settings={other: value for other, value in settings.items() if other != name})
        expected = f"not a checkpoint that this version can read (setting '{name}' must be there)"
        assert refused(path) == expected
        rewrite(path, settings=settings)


NUMBERS = ["output.b", "optimizer/m.output.b", "optimizer/v.output.b", "training/losses", "training/norms"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_one_clear_line(saved, name, value):
    path = saved()[-1]
    arrays = load_file(path)
    arrays[name][0] = value
    rewrite(path, arrays)
    assert refused(path) == f"'{name}' must be finite"


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_negative_square_is_one_clear_line_and_a_negative_mean_is_none(saved, name, scale):
    path = saved(1, optimizer=name, table_scale=scale)[-1]
    arrays = {one: array for one, array in load_file(path).items() if one.startswith("optimizer/") and array.size}
    letters = {re.search(r"(?:/|\]\.)(\w)\b", one)[1]: one for one in arrays}
    assert letters.keys() >= {"adafactor": {*"rcv"}, "sgd": set(), "amsgrad": {*"mvw"}}.get(name, set())
    for letter, one in letters.items():
        other = arrays[one].copy()
        other.flat[0] = -0.5
        rewrite(path, load_file(path) | {one: other})
        if letter in "rcvw":
            assert refused(path) == f"'{one}' must be at least 0, got -0.5"
        else:
            checkpoint.load(path)
        rewrite(path, load_file(path) | {one: arrays[one]})


def test_a_negative_norm_is_one_clear_line(saved):
    path = saved(1)[-1]
    rewrite(path, load_file(path) | {"training/norms": np.full(1, -3.0)})
    assert refused(path) == "'training/norms' must be at least 0, got -3.0"


def test_a_product_of_momenta_above_one_is_one_clear_line(saved):
    path = saved(1, optimizer="nadam")[-1]
    rewrite(path, optimizer={"p": 1.5, "step": 1})
    assert refused(path).endswith("(NAdamState: p must lie in [0, 1], got 1.5)")


def test_an_array_that_was_changed_is_one_clear_line(saved):
    path = saved()[-1]
    arrays = load_file(path)
    arrays["output.b"] += 1
    rewrite(path, arrays, checksums=about(path)["checksums"])
    assert refused(path) == "not a whole checkpoint (the checksum of 'output.b' is another)"


def test_a_setting_that_was_changed_is_one_clear_line(saved):
    path = saved()[-1]
    rewrite(path, settings=about(path)["settings"] | {"rate": 0.003}, checksum=about(path)["checksum"])
    assert refused(path) == "not a whole checkpoint (the checksum of its settings is another)"


def test_a_file_with_no_checksum_is_one_clear_line(saved):
    path = saved()[-1]
    for name in ("checksum", "checksums"):
        said = {other: value for other, value in about(path).items() if other != name}
        rewrite(path, text=json.dumps(said))
        assert refused(path) == f"not a checkpoint that this version can read ('{name}')"
        rewrite(path, text=json.dumps(said | {"checksum": "", "checksums": {}}))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"version": ' + "9" * 5000 + "}",
        '{"version": ' + "[" * 900 + "]" * 900 + "}",
        '{"version": 4, "settings": ' + "[" * 900 + "]" * 900 + "}",
        '{"version": 4, "settings": {"seed": ' + "[" * 900 + "]" * 900 + "}}",
    ],
)
def test_json_that_is_deep_or_long_is_one_clear_line(saved, text):
    path = saved()[-1]
    rewrite(path, text=text)
    assert len(refused(path)) < 300


def with_dtype(path, name, dtype, size):
    """Say of one array of a file that it is of another dtype, in as many bytes as it has."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    start, stop = header[name]["data_offsets"]
    header[name] |= {"dtype": dtype, "shape": [(stop - start) // size]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + rest)


@pytest.mark.parametrize(
    ("dtype", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F16", 2), ("I32", 4), ("BOOL", 1)]
)
def test_an_array_of_a_dtype_that_no_run_has_is_one_clear_line(saved, dtype, size):
    path = saved()[-1]
    with_dtype(path, "output.b", dtype, size)
    assert refused(path) == f"'output.b' must be F32 or F64, got {dtype}"


def test_a_pipe_is_one_clear_line_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a")
    assert refused(tmp_path / "a") == "not a whole checkpoint (not a file)"


LARGE = [{"encoder-layers": 10**8}, {"width": 10**8}, {"hidden": 10**8}, {"decoder-layers": 10**5}]


@pytest.mark.parametrize("change", LARGE)
def test_a_model_that_cannot_stand_in_the_file_is_not_drawn(saved, change):
    path = saved()[-1]
    rewrite(path, settings=about(path)["settings"] | change)
    assert refused(path).startswith("not a checkpoint that this version can read (")


def damaged(whole, rng):
    """Return the bytes of a file with one to three bits of it flipped, a stretch overwritten, or the rest cut off."""
    data, at = bytearray(whole), int(rng.integers(len(whole)))
    kind = rng.integers(4)
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        data[at : at + 8] = rng.bytes(8)
    for place in rng.integers(len(data), size=kind - 1) if kind > 1 else ():
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


@pytest.mark.parametrize("part", ["header", "numbers"])
def test_whatever_is_damaged_is_one_clear_line(saved, part):
    path = saved()[-1]
    whole, rng = path.read_bytes(), np.random.default_rng(7)
    length = 8 + int.from_bytes(whole[:8], "little")
    for _ in range(200):
        if part == "header":
            data = damaged(whole[:length], rng)
            data = data + whole[length:] if len(data) == length else data
        else:
            data = whole[:length] + damaged(whole[length:], rng)
        if data != whole:
            path.write_bytes(data)
            assert len(refused(path)) < 400


def test_every_bit_of_the_header_counts(saved):
    path = saved(width=4, heads=1, hidden=3)[-1]
    whole, rng = path.read_bytes(), np.random.default_rng(7)
    length = 8 + int.from_bytes(whole[:8], "little")
    spaces = [at for at in range(length) if whole[at] == ord(" ")]
    for at in [*rng.choice(spaces, 30), *rng.choice(length, 100)]:
        data = bytearray(whole)
        data[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        assert refused(path)


def test_a_space_of_the_header_that_became_another_one_is_refused(saved):
    path = saved()[-1]
    whole = path.read_bytes()
    at = whole.index(b": ") + 1
    path.write_bytes(whole[:at] + b"\t" + whole[at + 1 :])
    assert refused(path)
