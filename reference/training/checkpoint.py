"""A run in one safetensors file, from which it goes on to the same bits; nothing is ever unpickled.

Parameters are named by their path (`body.encoder.norm.gamma`), the optimizer's arrays stand
under `optimizer/`, losses and norms of all steps under `training/`; settings, the optimizer's
numbers, random state, records and a checksum of every array are JSON in the metadata, with a
checksum of its own.
"""

import dataclasses
import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from reference.core import tree
from reference.scaling.memory import NUMBER
from reference.scaling.parameters import parameters
from reference.training import files, measures
from reference.training.errors import CheckpointError
from reference.training.evaluate import measured
from reference.training.records import NAMES, expect_record
from reference.training.room import shortage
from reference.training.scalars import scalars, squares, with_scalars
from reference.training.settings import Run, known, parts
from reference.training.state import State, begin, generator

ENTRY = "backproof"  # of the metadata
BEGINS = f'{{"__metadata__":{{"{ENTRY}":'.encode()  # the header of our files
VERSION = 4
DTYPES = {"F32", "F64"}  # of the arrays of a run; NumPy has no name for some of the others


def save(path: Path, run: Run, state: State) -> None:
    files.write(path, written(run, state))


def written(run: Run, state: State) -> bytes:
    """Return the file of a state, the same bytes for the same state."""
    arrays = {name: np.ascontiguousarray(array) for name, array in _arrays(state)}
    about: dict[str, Any] = {
        "version": VERSION,
        "settings": run.entries(),
        "step": state.step,
        "optimizer": scalars(state.optimizer),
        "random": state.random,
        "records": state.records,
        "checksums": {name: _checksum(array.tobytes()) for name, array in arrays.items()},
    }
    about["checksum"] = _checksum(json.dumps(about).encode())
    return serialise(arrays, {ENTRY: json.dumps(about, allow_nan=False)})


def is_one(path: Path) -> bool:
    """Whether a file that is there begins like a checkpoint, whole or damaged: behind its length, with our entry."""
    with path.open("rb") as file:
        return file.read(8 + len(BEGINS)).endswith(BEGINS)


def load(path: Path) -> tuple[Run, State]:
    """Return what `save` was given.

    Raises:
        CheckpointError: see there; the message is one line that begins with the path.
    """
    about, arrays, whole = _read(path)
    try:
        checksum, checksums = about.pop("checksum"), dict(about["checksums"])
        run = _run(about["settings"], path.stat().st_size)
        template = _template(run, about)
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a checkpoint that this version can read ({_short(error)})") from None
    _expect_arrays(path, dict(_arrays(template)), arrays)
    for name, array in arrays.items():
        if checksums.get(name) != _checksum(array.tobytes()):
            raise CheckpointError(f"{path}: not a whole checkpoint (the checksum of '{name}' is another)")
        if not np.isfinite(array).all():
            raise CheckpointError(f"{path}: '{name}' must be finite")
    for name in (*(f"optimizer/{path}" for path, _ in squares(template.optimizer)), "training/norms"):
        if (arrays[name] < 0).any():
            raise CheckpointError(f"{path}: '{name}' must be at least 0, got {arrays[name].min()}")
    if checksum != _checksum(json.dumps(about).encode()):
        raise CheckpointError(f"{path}: not a whole checkpoint (the checksum of its settings is another)")
    if not whole:
        raise CheckpointError(f"{path}: not a whole checkpoint (its header is not as it was written)")
    loaded = (arrays[name] for name, _ in _arrays(template))  # in the order in which tree.map walks
    return run, dataclasses.replace(
        template,
        model=tree.map(lambda _: next(loaded), template.model),
        optimizer=tree.map(lambda _: next(loaded), template.optimizer),
        losses=next(loaded),
        norms=next(loaded),
    )


def _run(saved: Any, size: int) -> Run:
    """Return the run of a file of `size` bytes, every entry of which was saved, before a model of it is drawn."""
    if not isinstance(saved, dict):
        raise TypeError(f"settings must be an object, got {type(saved).__name__}")
    names = set(known(*parts(saved)))
    for name in sorted(names ^ saved.keys()):
        raise ValueError(f"setting '{name}' must {'be there' if name in names else 'not be there'}")
    run = Run.of(saved)
    if (text := shortage(run)) is not None:
        raise ValueError(text)
    if (count := parameters(run.model)) * NUMBER > size:
        raise ValueError(f"{count:,} parameters cannot stand in {size:,} bytes")
    return run


def _template(run: Run, about: dict[str, Any]) -> State:
    """Return a state that differs from the saved one in the numbers of its arrays only."""
    state, step, records = begin(run), about["step"], tuple(dict(record) for record in about["records"])
    if type(step) is not int or not 0 <= step <= run.steps or len(records) != step // run.steps_per_epoch:
        raise ValueError(f"step {step} of {run.steps} with {len(records)} records")
    if about["optimizer"].keys() != scalars(state.optimizer).keys() or about["optimizer"]["step"] != step:
        raise ValueError(f"the optimizer must be at step {step}, got {about['optimizer']}")
    names = NAMES | {f"update_{part}" for part in measures.parts(state.model)} | set(measured(run))
    for epoch, record in enumerate(records, 1):
        expect_record(record, epoch, run, names)
    return dataclasses.replace(
        state,
        optimizer=with_scalars(state.optimizer, about["optimizer"]),
        random=generator(about["random"]).bit_generator.state,
        losses=np.zeros(step),
        norms=np.zeros(step),
        records=records,
    )


def _arrays(state: State) -> Iterator[tuple[str, np.ndarray]]:
    yield from tree.leaves(state.model)
    for name, array in tree.leaves(state.optimizer):
        yield f"optimizer/{name}", array
    yield "training/losses", state.losses
    yield "training/norms", state.norms


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _short(said: Any) -> str:
    """Return what an error says in one line, and not all of it where it is long."""
    text = " ".join(str(said).split())
    return text if len(text) <= 160 else f"{text[:157]}..."


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], bool]:
    """Return what a file says, its arrays, and whether its bytes are those that saying this writes."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise CheckpointError(f"{path}: not a whole checkpoint (not a file)")
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(ENTRY, "null")
            about = json.loads(text)
            names = list(file.keys())
            for name in names:
                if (dtype := file.get_slice(name).get_dtype()) not in DTYPES:
                    raise CheckpointError(f"{path}: '{name}' must be F32 or F64, got {dtype}")
            arrays = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except (OSError, RecursionError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: not a whole checkpoint ({_short(error)})") from None
    version = about.get("version") if isinstance(about, dict) else None
    if version != VERSION:
        raise CheckpointError(f"{path}: not a checkpoint that this version can read (version {_shown(version)})")
    data = path.read_bytes()
    return about, arrays, json.dumps(about) == text and serialise(arrays, {ENTRY: text}) == data


def _shown(version: Any) -> str:
    return _short(version) if isinstance(version, int | None) else type(version).__name__


def _expect_arrays(path: Path, wanted: dict[str, np.ndarray], got: dict[str, np.ndarray]) -> None:
    for name in sorted(wanted.keys() ^ got.keys()):
        raise CheckpointError(f"{path}: '{name}' must {'be there' if name in wanted else 'not be there'}")
    for name, array in wanted.items():
        if got[name].shape != array.shape:
            raise CheckpointError(f"{path}: '{name}' must have shape {array.shape}, got {got[name].shape}")
        if got[name].dtype != array.dtype:
            raise CheckpointError(f"{path}: '{name}' must be {array.dtype}, got {got[name].dtype}")
