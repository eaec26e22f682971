import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from reference.published import tensors


@pytest.fixture
def arrays(rng):
    return {
        "b": rng.normal(size=(3, 2)).astype(np.float32),
        "a": rng.normal(size=5),
        "none": np.zeros((0, 4), np.float32),
        "at": np.arange(3),
        "half": rng.normal(size=(2, 1, 2)).astype(np.float16),
    }


def packed(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_what_is_written_is_what_the_package_reads(arrays, tmp_path, same_bytes):
    del arrays["at"]
    tensors.write(tmp_path / "m.safetensors", arrays)
    assert same_bytes(load_file(tmp_path / "m.safetensors"), arrays)


def test_what_the_package_writes_is_read_to_the_bit(arrays, tmp_path, same_bytes):
    del arrays["half"]
    save_file(arrays, tmp_path / "m.safetensors", {"format": "pt"})
    assert same_bytes(tensors.read(tmp_path / "m.safetensors"), arrays)


@pytest.mark.parametrize("spaces", range(8))
def test_arrays_may_begin_at_any_byte(tmp_path, spaces):
    entries = {"b": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}
    entries["w"] = {"dtype": "F64", "shape": [], "data_offsets": [1, 9]}
    data = b"\1" + np.float64(2.5).tobytes()
    (tmp_path / "m.safetensors").write_bytes(packed(json.dumps(entries).encode() + b" " * spaces, data))
    read = tensors.read(tmp_path / "m.safetensors")
    assert read["w"] == 2.5 and read["w"].flags.aligned and read["b"] == [1]


def test_arrays_are_their_own_and_can_be_written_to(arrays, tmp_path):
    tensors.write(tmp_path / "m.safetensors", {"a": arrays["a"]})
    a = tensors.read(tmp_path / "m.safetensors")["a"]
    a[:] = 0
    assert a.flags.owndata and (tensors.read(tmp_path / "m.safetensors")["a"] == arrays["a"]).all()


def test_the_bits_of_a_bfloat16_are_the_upper_half_of_a_float32(tmp_path):
    values = np.array([1.0, -2.5, 3.140625, 0.0, np.inf, 2.0**-130], np.float32)  # each of 8 digits or fewer
    entry = {"dtype": "BF16", "shape": [6], "data_offsets": [0, 12]}
    (tmp_path / "m.safetensors").write_bytes(packed({"w": entry}, (values.view("u4") >> 16).astype("<u2").tobytes()))
    read = tensors.read(tmp_path / "m.safetensors", np.float32)["w"]
    assert read.dtype == np.float32 and read.tobytes() == values.tobytes()


@pytest.mark.parametrize(("kind", "title"), [("BF16", "bfloat16"), ("F16", "float16")])
def test_half_precision_is_read_by_choice_only(tmp_path, refused, kind, title):
    entry = {"dtype": kind, "shape": [2], "data_offsets": [0, 4]}
    (tmp_path / "m.safetensors").write_bytes(packed({"w": entry}, bytes(4)))
    said = refused(tensors.read, tmp_path / "m.safetensors")
    assert said.endswith(f"'w' must be float32 or float64 unless a dtype is chosen, got {title}")
    assert tensors.read(tmp_path / "m.safetensors", np.float32)["w"].dtype == np.float32


def test_a_chosen_dtype_is_that_of_all_but_integers(arrays, tmp_path):
    save_file(arrays, tmp_path / "m.safetensors")
    read = tensors.read(tmp_path / "m.safetensors", np.float32)
    assert {name: a.dtype for name, a in read.items()} == dict.fromkeys(arrays, np.float32) | {"at": np.int64}


def test_a_file_cut_at_any_byte_is_refused(arrays, tmp_path, refused):
    file, cut = tmp_path / "m.safetensors", tmp_path / "cut.safetensors"
    save_file(arrays, file)
    whole = file.read_bytes()
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        assert refused(tensors.read, cut).startswith(str(cut))
    cut.write_bytes(whole + b"\0")
    assert "bytes of arrays by its header" in refused(tensors.read, cut)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must begin with the 8 bytes of a length, got a file of 0"),
        (packed(b"{"), "must have a header in JSON"),
        (packed(b"[" * 100_000), "must have a header in JSON"),
        (packed(b"\xff\xfe"), "must have a header in JSON"),
        (packed([]), "the header must be an object, got list"),
        (packed({"w": 3}), "the entry of 'w' must be a dtype, a shape and two offsets, got 3"),
        (packed({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}), "two offsets"),
        (packed({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}), "two offsets"),
        (packed({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)), "must have 8 bytes"),
        (packed({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)), "must begin at byte 0"),
        (packed({"w": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}, bytes(1)), "must be of dtype F64,"),
        (b"\xff" * 16, "must have a header of 18446744073709551615 bytes, got 8"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_one_line(tmp_path, refused, content, said):
    (tmp_path / "m.safetensors").write_bytes(content)
    assert said in refused(tensors.read, tmp_path / "m.safetensors")


def test_two_arrays_on_the_same_bytes_are_refused(tmp_path, refused):
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    (tmp_path / "m.safetensors").write_bytes(packed({"a": entry, "b": entry}, bytes(4)))
    assert "'b' must begin at byte 4 of the arrays, got 0" in refused(tensors.read, tmp_path / "m.safetensors")


def test_another_dtype_is_not_written_and_the_old_file_stays(tmp_path, refused):
    file = tmp_path / "m.safetensors"
    file.write_bytes(b"old")
    assert refused(tensors.write, file, {"w": np.zeros(2, complex)}).endswith(
        "'w' must be float16, float32 or float64, got complex128"
    )
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]
