"""A run in one safetensors file, from which it goes on to the same bits; nothing is ever unpickled.

Parameters are named by their path (`body.encoder.norm.gamma`), the optimizer's arrays stand
under `optimizer/`, the losses of all steps under `training/`; settings, random state and
records are JSON in the metadata.
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from reference.core import tree
from reference.job import files
from reference.job.errors import JobError
from reference.job.settings import Settings
from reference.job.train import State, begin, generator

ENTRY = "backproof"  # of the metadata
VERSION = 1
RECORD = {  # what a record says
    "epoch", "step", "rate", "loss", "training_tokens",
    "held_out_loss", "held_out_tokens", "held_out_sequences", "forced_tokens", "forced_sequences",
}


class CheckpointError(JobError):
    """A file is not there, not whole, not a checkpoint, or of another shape."""


def save(path: Path, settings: Settings, state: State) -> None:
    about = {
        "version": VERSION,
        "settings": dataclasses.asdict(settings),
        "step": state.step,
        "random": state.random,
        "records": state.records,
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in _arrays(state)}
    files.write(path, serialise(arrays, {ENTRY: json.dumps(about, allow_nan=False)}))


def load(path: Path) -> tuple[Settings, State]:
    """Return what `save` was given.

    Raises:
        CheckpointError: see there; the message is one line that begins with the path.
    """
    about, arrays = _read(path)
    try:
        settings = Settings(**about["settings"])
        template = _template(settings, about)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a checkpoint that this version can read ({error})") from None
    _expect_arrays(path, dict(_arrays(template)), arrays)
    loaded = (arrays[name] for name, _ in _arrays(template))  # in the order in which tree.map walks
    return settings, dataclasses.replace(
        template,
        model=tree.map(lambda _: next(loaded), template.model),
        optimizer=tree.map(lambda _: next(loaded), template.optimizer),
        losses=next(loaded),
    )


def _template(settings: Settings, about: dict[str, Any]) -> State:
    """Return a state that differs from the saved one in the numbers of its arrays only."""
    state, step, records = begin(settings), about["step"], tuple(dict(record) for record in about["records"])
    if step not in range(settings.steps + 1) or len(records) != step // settings.steps_per_epoch:
        raise ValueError(f"step {step} of {settings.steps} with {len(records)} records")
    for epoch, record in enumerate(records, 1):
        _expect_record(record, epoch, settings)
    return dataclasses.replace(
        state,
        optimizer=dataclasses.replace(state.optimizer, step=step),
        random=generator(about["random"]).bit_generator.state,
        losses=np.zeros(step),
        records=records,
    )


def _expect_record(record: dict[str, Any], epoch: int, settings: Settings) -> None:
    if record.keys() != RECORD or not all(type(value) in (int, float) for value in record.values()):
        raise ValueError(f"record {epoch} must have the numbers {', '.join(sorted(RECORD))}")
    if (record["epoch"], record["step"]) != (epoch, epoch * settings.steps_per_epoch):
        raise ValueError(f"record {epoch} is of epoch {record['epoch']} and step {record['step']}")
    if not all(map(math.isfinite, record.values())):
        raise ValueError(f"record {epoch} has a number that is not finite")


def _arrays(state: State) -> Iterator[tuple[str, np.ndarray]]:
    yield from tree.leaves(state.model)
    for name, array in tree.leaves(state.optimizer):
        yield f"optimizer/{name}", array
    yield "training/losses", state.losses


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get(ENTRY, "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: not a whole checkpoint ({error})") from None
    version = about.get("version") if isinstance(about, dict) else None
    if version != VERSION:
        raise CheckpointError(f"{path}: not a checkpoint that this version can read (version {version})")
    return about, arrays


def _expect_arrays(path: Path, wanted: dict[str, np.ndarray], got: dict[str, np.ndarray]) -> None:
    for name in sorted(wanted.keys() ^ got.keys()):
        raise CheckpointError(f"{path}: '{name}' must {'be there' if name in wanted else 'not be there'}")
    for name, array in wanted.items():
        if got[name].shape != array.shape:
            raise CheckpointError(f"{path}: '{name}' must have shape {array.shape}, got {got[name].shape}")
        if got[name].dtype != array.dtype:
            raise CheckpointError(f"{path}: '{name}' must be {array.dtype}, got {got[name].dtype}")
