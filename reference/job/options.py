"""The options of `train`: one for each setting of the task, of the model's family and of the training."""

import argparse
import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from reference.core.settings import Settings, expect_known
from reference.job.errors import JobError, UsageError
from reference.tasks import task as tasks
from reference.tasks.task import Task
from reference.training.families import FAMILIES, GIVEN, Family
from reference.training.settings import SGD, known, parts
from reference.training.training_settings import TrainingSettings

TASK = {"training": "sequences to train on", "held-out": "sequences to judge by, none of which occurs in training"}
MODEL = {
    "width": "width of the model",
    "heads": "attention heads, a divisor of the width",
    "key-value-heads": "heads of keys and values, a divisor of the heads (default: as many)",
    "hidden": "hidden width of the feed-forward layers",
    "layers": "blocks",
    "encoder-layers": "blocks in the encoder",
    "decoder-layers": "blocks in the decoder",
    "norm": "where the norm of a residual connection stands",
    "normalization": "what norm it is",
    "positions": "how the model knows positions",
    "feedforward": "the activation, GELU by tanh, or a gate",
    "bias": "whether maps within a block have biases",
    "window": "positions that a position sees, itself among them (default: all before it)",
    "base": "of rotary positions",
    "segments": "kinds of segments",
    "embeddings": "a table for each use, or one for all",
    "dropout": "share that is dropped while training",
}
TRAINING = {
    "seed": "of the data, the parameters and the order; the same seed gives the same bits",
    "batch": "sequences in a batch",
    "epochs": "times through the training sequences",
    "shards": "parts of a batch whose gradients are computed by themselves and added in order",
    "optimizer": (
        "what makes a step of a gradient of the loss, summed over a sequence's tokens; with their mean, and the "
        "same rates, sgd needs about five times as many epochs, adam no more"),
    "momentum": "of the gradients, where the optimizer has one",
    "nesterov": "look ahead along the momentum",
    "beta1": "how much of its mean of gradients an optimizer keeps at a step",
    "beta2": "how much of its mean of squares an optimizer keeps at a step",
    "decay": "share of weights and tables that is taken away, where the optimizer has one",
    "table-scale": "times the rate, for tables of tokens and positions",
    "clip": "most of the norm of all gradients together (default: no limit)",
    "schedule": "how the learning rate goes on",
    "rate": "learning rate, the highest of a schedule that rises or falls",
    "end-rate": "the last learning rate of a schedule that falls",
    "warmup": "steps in which the rate rises first",
    "fall": "steps of the line at the end of warmup-stable-decay (default: a fifth of the run)",
    "factor": "of the rate, every so many steps, with schedule step",
    "every": "steps from one factor to the next, with schedule step",
    "keep": "checkpoints of the last epochs that are kept, besides the best one",
}
OTHERS = (  # options of `train` that are no settings
    "config", "out", "resume", "tensorboard", "device", "workers", "dask", "mpi",
)  # fmt: skip
WORDS = {"true": True, "false": False}


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


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


def entries(path: Path) -> dict[str, Any]:
    """Return what a file of settings says.

    Raises:
        JobError: it is not there, or no TOML.
        UsageError: it has tables; the names are those of the options.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise JobError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise JobError(f"{path}: not a TOML file ({str(error)[:160]})") from None
    for name, value in found.items():
        if not isinstance(value, str | int | float):
            raise UsageError(f"{path}: {name} must be a number, a word, true or false, got {type(value).__name__}")
    return found


def kind_of(words: Sequence[str]) -> tuple[type[Task], Family, dict[str, Any]]:
    """Return the task and the family of which the command line speaks, and what its file says.

    Raises:
        JobError: the file cannot be read.
        UsageError: a name is unknown; the nearest known one is given.
    """
    given = chosen(words)
    path = given.pop("config", None)
    found = {} if path is None else entries(Path(path))
    try:
        task, family = parts({**found, **given})
        expect_known(str(path), found, known(task, family))
    except ValueError as error:
        raise UsageError(str(error)) from None
    return task, family, found


def unknown_option(word: str, task: type[Task], family: Family) -> str:
    """Return what is said of an option that there is not."""
    options = [f"--{name}" for name in (*known(task, family), *OTHERS)]
    near = difflib.get_close_matches(word.partition("=")[0], options, n=1, cutoff=0.0)
    return f"an option must be a known one, such as {near[0]}, got {word!r}"


def add_settings(parser: argparse.ArgumentParser, task: type[Task], family: Family) -> None:
    """Add every setting; one that is not given is left out of the parsed arguments."""
    model = next(name for name, one in FAMILIES.items() if one is family)
    name = next(name for name, one in tasks.every().items() if one is task)
    every = "; ".join(f"{each}: {kind.title}" for each, kind in tasks.every().items())
    group = parser.add_argument_group(f"the task, {name}")
    group.add_argument("--task", choices=list(tasks.every()), metavar="TASK", help=(
        f"what is learned ({every}; default: copy)"))
    usual = {**task.usual}
    _add(group, task, {**TASK, **task.texts}, usual)
    group = parser.add_argument_group(f"the model, {model}")
    group.add_argument("--model", choices=list(FAMILIES), metavar="FAMILY", help=(
        f"the family: {', '.join(FAMILIES)} (default: {usual.get('model', 'encoder-decoder')})"))
    _add(group, family.settings, MODEL, usual)
    _add(parser.add_argument_group("the training"), TrainingSettings, TRAINING, usual)


def _add(group: Any, settings: type[Settings], texts: dict[str, str], usual: dict[str, Any]) -> None:
    hints = get_type_hints(settings)
    for name in settings.names():
        if name in GIVEN and name not in texts:
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
        raise argparse.ArgumentTypeError(f"must be true or false, got {word!r}")
    return WORDS[word]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
