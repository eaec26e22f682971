"""Arrays by name in one file of the safetensors layout, read without a package: NumPy has no name for bfloat16.

The file is the length of a header (8 bytes, little-endian), the header (JSON: of each name the
dtype, the shape and where its bytes begin and end), and the bytes of all arrays, one after the other.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}  # the bits of a bfloat16 are half of a float32's
INTEGERS = {"BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}  # masks and positions
TITLES = {"F16": "float16", "BF16": "bfloat16"}
WIDTHS = {kind: np.dtype(code).itemsize for kind, code in (DTYPES | INTEGERS).items()}
METADATA = "__metadata__"


def read(path: Path, dtype: Any = None) -> dict[str, np.ndarray]:
    """Return the arrays of a file, floating ones in `dtype`, or in their own where that is None.

    Raises:
        ValueError: the file is cut or longer than its header says, its header is damaged, or an
            array is of half precision and no `dtype` was chosen, or of a dtype that NumPy does not know.
    """
    data = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
    header, start = _header(path, data)
    _expect_filled(path, header, len(data) - start)
    arrays = {}
    for name, entry in header.items():
        kind = entry["dtype"]
        if kind not in WIDTHS:
            raise ValueError(f"{path}: '{name}' must be of dtype {', '.join(WIDTHS)}, got {kind}")
        if dtype is None and kind in TITLES:
            got = TITLES[kind]
            raise ValueError(f"{path}: '{name}' must be float32 or float64 unless a dtype is chosen, got {got}")
        begin, end = entry["data_offsets"]
        bits = data[start + begin : start + end].view((DTYPES | INTEGERS)[kind]).reshape(entry["shape"])
        if kind == "BF16":
            bits = (bits.astype(np.uint32) << 16).view(np.float32)
        own = dtype is None or kind in INTEGERS
        arrays[name] = np.array(bits, dtype=bits.dtype.newbyteorder("=") if own else dtype)
    return arrays


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays of float16, float32 or float64, so that the old file or the new one is there, whole.

    Raises:
        ValueError: an array is of another dtype.
    """
    header: dict[str, Any] = {METADATA: {"format": "pt"}}  # of whose axes the order is that of PyTorch's layers
    kinds, at = {np.dtype(kind): name for name, kind in DTYPES.items() if name != "BF16"}, 0
    for name, array in arrays.items():
        if array.dtype not in kinds:
            raise ValueError(f"{path}: '{name}' must be float16, float32 or float64, got {array.dtype}")
        end = at + array.nbytes
        header[name] = {"dtype": kinds[array.dtype], "shape": list(array.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays stand at multiples of 8
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for array in arrays.values():
                file.write(np.ascontiguousarray(array, DTYPES[kinds[array.dtype]]).data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _header(path: Path, data: np.ndarray) -> tuple[dict[str, Any], int]:
    """Return what the header says of each array, and where the first of them begins."""
    if len(data) < 8:
        raise ValueError(f"{path}: must begin with the 8 bytes of a length, got a file of {len(data)}")
    length = int.from_bytes(data[:8].tobytes(), "little")
    if length > len(data) - 8:
        raise ValueError(f"{path}: must have a header of {length} bytes, got {len(data) - 8}: cut, or no safetensors")
    try:
        header = json.loads(data[8 : 8 + length].tobytes().decode())
    except (ValueError, RecursionError):
        raise ValueError(f"{path}: must have a header in JSON, got other bytes: damaged, or no safetensors") from None
    if not isinstance(header, dict):
        raise ValueError(f"{path}: the header must be an object, got {type(header).__name__}")
    header.pop(METADATA, None)
    return header, 8 + length


def _expect_filled(path: Path, header: dict[str, Any], size: int) -> None:
    """Raise unless the arrays of the header lie one after the other, from the first of `size` bytes to the last."""
    at = 0
    for name, entry in sorted(header.items(), key=lambda item: _begin(path, *item)):
        begin, end = entry["data_offsets"]
        width = WIDTHS.get(entry["dtype"])
        if width is not None and end - begin != width * math.prod(entry["shape"]):
            want = width * math.prod(entry["shape"])
            raise ValueError(f"{path}: '{name}' must have {want} bytes by its shape and dtype, got {end - begin}")
        if begin != at:
            raise ValueError(f"{path}: '{name}' must begin at byte {at} of the arrays, got {begin}")
        at = end
    if at != size:
        raise ValueError(f"{path}: must have {at} bytes of arrays by its header, got {size}")


def _begin(path: Path, name: str, entry: Any) -> tuple[int, int]:
    """Return where an array begins and ends, once its entry is seen to be one."""
    wants = {"dtype": str, "shape": list, "data_offsets": list}
    whole = isinstance(entry, dict) and all(isinstance(entry.get(key), kind) for key, kind in wants.items())
    numbers = [*entry["shape"], *entry["data_offsets"]] if whole else []
    if not whole or len(entry["data_offsets"]) != 2 or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError(f"{path}: the entry of '{name}' must be a dtype, a shape and two offsets, got {entry}")
    begin, end = entry["data_offsets"]
    return begin, end
