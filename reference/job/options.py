"""The options of `train`: one for each setting of the task, of the model's family and of the training."""

import argparse
import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from reference.core.paths import instead_of_file
from reference.core.settings import Settings, expect_known
from reference.core.words import cut
from reference.job.errors import JobError, UsageError
from reference.job.help import MODEL, TASK, TRAINING
from reference.job.parser import Parser
from reference.tasks import task as tasks
from reference.tasks.learned import Learned
from reference.training.families import FAMILIES, GIVEN, Family
from reference.training.settings import SGD, known, parts, usual_model
from reference.training.training_settings import TrainingSettings

OTHERS: tuple[str, ...] = (  # options of `train` that are no settings
    "config", "out", "resume", "tensorboard", "device", "workers", "threads", "dask", "mpi",
)  # fmt: skip
FLAGS = "--help", "--mpi", "--resume", "--tensorboard", "-h"  # options of `train` that no value follows
TOML: dict[type, str] = {dict: "a table", list: "an array"}  # what a file calls them
WORDS = {"true": True, "false": False}


def chosen(words: Sequence[str]) -> dict[str, Any]:
    """Return what of the command line says which options there are: "config", "task" and "model"."""
    first = Parser(add_help=False, exit_on_error=False)
    for name in ("config", "task", "model"):
        first.add_argument(f"--{name}")
    try:
        given, _ = first.parse_known_args(words)
    except argparse.ArgumentError:  # an option without its value, of which the whole parser complains
        return {}
    return vars(given)


def named(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what of the command line is no option and no value of one, the task and its files, and the rest."""
    names: list[str] = []
    rest: list[str] = []
    value = False
    for word in words:
        option = word.startswith("--") or (word.startswith("-") and not value)
        (rest if option or value else names).append(word)
        value = option and "=" not in word and word not in FLAGS
    return names, rest


def entries(path: Path) -> dict[str, Any]:
    """Return what a file of settings says.

    Raises:
        JobError: it is not there, or no TOML.
        UsageError: it has tables; the names are those of the options.
    """
    if (got := instead_of_file(path)) is not None:
        raise JobError(f"{path}: must be a file, got {got}")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise JobError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise JobError(f"{path}: not a TOML file ({str(error)[:160]})") from None
    for name, value in found.items():
        several = value if name == "files" and isinstance(value, list) else [value]
        if not all(isinstance(each, str | int | float) for each in several):
            got = TOML.get(type(value), type(value).__name__)
            raise UsageError(f"{path}: {name} must be a number, a word, true or false, got {got}")
    if isinstance(files := found.get("files"), str | list):
        found["files"] = (files,) if isinstance(files, str) else tuple(files)
    return found


def kind_of(
    words: Sequence[str], names: Sequence[str] = (), others: Sequence[str] = OTHERS
) -> tuple[type[Learned], Family, dict[str, Any]]:
    """Return the task and the family of which the command line speaks, and what its file says.

    The `names` are those of a task and of files that it is learned from, which are settings as well.

    Raises:
        JobError: the file cannot be read.
        UsageError: a name is unknown, the nearest known one is given; or of one of the other options, which stand on
            the command line only; or the task is not learned from files.
    """
    given = chosen(words)
    path = given.pop("config", None)
    found = {} if path is None else entries(Path(path))
    for name in (name for name in others if name in found):
        raise UsageError(f"{path}: {name} is no setting: it must stand on the command line, as --{name}")
    own: dict[str, Any] = {"task": names[0]} if names else {}
    try:
        if names and given.get("task", names[0]) != names[0]:
            raise UsageError(f"task must be one, got {names[0]} and {given['task']}")
        task, family = parts({**found, **own, **given})
        if len(names) > 1:
            if "files" not in task.names():
                raise UsageError(f"files must come with a task that is learned from them, got {' '.join(names)}")
            own["files"] = tuple(names[1:])
        expect_known(str(path), found, [name for name in known(task, family) if name not in task.follow])
    except ValueError as error:
        raise UsageError(str(error)) from None
    return task, family, {**found, **own}


def unknown_option(
    word: str, task: type[Learned], family: Family, others: Sequence[str] = OTHERS, without: Sequence[str] = ()
) -> str:
    """Return what is said of an option that a command has not: it has the settings but for some, and others."""
    there = [name for name in known(task, family) if name not in (*task.follow, "files", *without)]
    options = [f"--{name}" for name in (*there, *others)]
    near = difflib.get_close_matches(word.partition("=")[0], options, n=1, cutoff=0.0)
    return f"an option must be a known one, such as {near[0]}, got {cut(repr(word))}"


def add_settings(
    parser: argparse.ArgumentParser, task: type[Learned], family: Family, without: Sequence[str] = ()
) -> None:
    """Add every setting but for some; one that is not given is left out of the parsed arguments."""
    model = next(name for name, one in FAMILIES.items() if one is family)
    name = next(name for name, one in tasks.every().items() if one is task)
    every = "; ".join(f"{each}: {kind.title}" for each, kind in tasks.every().items())
    group = parser.add_argument_group(f"the task, {name}")
    group.add_argument("--task", choices=list(tasks.every()), metavar="TASK", help=(
        f"what is learned ({every}; default: copy)"))
    usual = {**task.usual_of({})}
    _add(group, task, {**TASK, **task.texts}, usual, (*task.follow, "files", *without))
    group = parser.add_argument_group(f"the model, {model}")
    group.add_argument("--model", choices=list(FAMILIES), metavar="FAMILY", help=(
        f"the family: {', '.join(task.families)} (default: {usual_model(task)})"))
    _add(group, family.settings, MODEL, usual, without)
    _add(parser.add_argument_group("the training"), TrainingSettings, TRAINING, usual, without)


def _add(
    group: Any, settings: type[Settings], texts: dict[str, str], usual: dict[str, Any], left: Sequence[str] = ()
) -> None:
    hints = get_type_hints(settings)
    for name in settings.names():
        if name in left or (name in GIVEN and name not in texts):
            continue
        default = usual.get(name, getattr(settings, name.replace("-", "_"), None))
        with_sgd = f"; with sgd {SGD[name]}" if name in SGD else ""
        if (words := get_args(hints[name.replace("-", "_")])) and len("".join(map(str, words))) > 60:
            texts = {**texts, name: f"{texts[name]}: {', '.join(words)}"}
        text = texts[name] if default is None else f"{texts[name]} (default: {_shown(default)}{with_sgd})"
        group.add_argument(f"--{name}", dest=name, help=text.replace("%", "%%"), **_kind(hints[name.replace("-", "_")]))


def _kind(hint: Any) -> dict[str, Any]:
    """Return how argparse reads a value of this type."""
    if get_origin(hint) is Literal:
        words = get_args(hint)
        return {"choices": words} if len("".join(words)) < 30 else {"choices": words, "metavar": "WORD"}
    kinds = get_args(hint) if get_origin(hint) in (Union, type(int | str)) else (hint,)
    if bool in kinds:
        return {"type": _flag, "metavar": "true|false"}
    kind = next(kind for kind in kinds if kind is not type(None))
    return {"type": kind, "metavar": {int: "N", float: "X", str: "WORD"}[kind]}


def _flag(word: str) -> bool:
    if word not in WORDS:
        raise argparse.ArgumentTypeError(f"must be true or false, got {cut(repr(word))}")
    return WORDS[word]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
