"""A published model on the disk: `config.json`, and beside it the tensors in one file or in several."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reference.published import tensors
from reference.published.config import Config

CONFIG, TENSORS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
GENERATION, TOKENIZER = "generation_config.json", "tokenizer.json"
SUFFIX = ".safetensors"
OTHERS = (  # what a model is used with: how it is asked to speak, and the files of its tokenizer
    GENERATION, TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "source.spm",
    "target.spm",
)  # fmt: skip


def config_of(path: Path) -> Config:
    """Return the config in a folder, or beside a file of tensors.

    Raises:
        ValueError: there is none, it is no JSON, or the file is one that would have to be unpickled.
    """
    if path.suffix in PICKLES:
        raise ValueError(_refused(path))
    if not path.exists():
        raise ValueError(f"{path}: must be a folder or a {SUFFIX} file, got nothing there")
    config = (path if path.is_dir() else path.parent) / CONFIG
    return Config(str(config), _object(config))


def special_of(path: Path) -> dict[str, Any]:
    """Return what a folder says of special tokens: their ids, and those that must not be said.

    Newer folders say it in a file of its own, which comes before the config.

    Raises:
        ValueError: as `config_of` does, or that file is no JSON.
    """
    file = (path if path.is_dir() else path.parent) / GENERATION
    return special_of_config(path) | (_special(Config(str(file), _object(file))) if file.is_file() else {})


def special_of_config(path: Path) -> dict[str, Any]:
    """Return what the config of a folder says of special tokens, whatever its other file does."""
    return _special(config_of(path))


def _special(config: Config) -> dict[str, Any]:
    entries = config.entries.items()
    return {name: value for name, value in entries if name.endswith("_token_id") or name == "bad_words_ids"}


def tensors_of(path: Path, dtype: Any = None) -> dict[str, np.ndarray]:
    """Return the tensors in a folder, or in one file; in `dtype` if there is one.

    Raises:
        ValueError: there are none, an index and its files contradict each other, or as `tensors.read` does.
    """
    if not path.is_dir():
        if path.suffix != SUFFIX:
            raise ValueError(f"{path}: must be a folder or a {SUFFIX} file, got a file that ends in '{path.suffix}'")
        return tensors.read(path, dtype)
    if (path / TENSORS).is_file():
        return tensors.read(path / TENSORS, dtype)
    if not (path / INDEX).is_file():
        pickled = sorted(file for file in path.iterdir() if file.suffix in PICKLES)
        raise ValueError(_refused(pickled[0]) if pickled else f"{path}: must have a {TENSORS}, got none")
    return _from_parts(path / INDEX, dtype)


def write(path: Path, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write the two files of a folder, or a file of tensors and the config beside it, each of them whole or not."""
    file = path if path.suffix == SUFFIX else path / TENSORS
    file.parent.mkdir(parents=True, exist_ok=True)
    tensors.write(file, arrays)
    write_text(file.parent / CONFIG, json.dumps(config, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file of text, so that the old one or the new one is there, whole."""
    draft = _draft(path)
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def copy_others(path: Path, out: Path) -> None:
    """Copy what a folder, or that of a file, has besides the model and its config to a folder that is there."""
    for name in OTHERS:
        file = (path if path.is_dir() else path.parent) / name
        if file.is_file():
            shutil.copyfile(file, out / name)


@contextlib.contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """Yield the name for a folder that stands at `path` once all is written to it, and not before."""
    draft = _draft(path)
    try:
        yield draft
        draft.replace(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.draft")


PICKLES = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}


def _refused(path: Path) -> str:
    return f"{path}: must be {SUFFIX}, got a pickle, which may run code: save it again where it was made, as {SUFFIX}"


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path}: must be there, got no such file")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ValueError(f"{path}: must be JSON, got other text, or a part of it") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path}: must be an object, got {type(value).__name__}")
    return value


def _from_parts(index: Path, dtype: Any) -> dict[str, np.ndarray]:
    """Return the tensors of all files that an index names, each of which holds what it says."""
    places = _object(index).get("weight_map")
    if not isinstance(places, dict) or not all(_is_name(part) for part in places.values()):
        raise ValueError(f"{index}: 'weight_map' must give the name of a file for each tensor, got {places!r:.60}")
    arrays: dict[str, np.ndarray] = {}
    for part in sorted(set(places.values())):
        file = index.with_name(part)
        if not file.is_file():
            raise ValueError(f"{index}: must name files that there are, got {part}")
        found = tensors.read(file, dtype)
        said = {name for name, place in places.items() if place == part}
        for name in sorted(said ^ set(found)):
            raise ValueError(f"{index}: must name what {part} holds, got '{name}' in one of the two")
        arrays |= found
    return arrays


def _is_name(part: Any) -> bool:
    """Whether this is the name of a file beside the index, and leads nowhere else."""
    return isinstance(part, str) and part.endswith(SUFFIX) and Path(part).name == part
