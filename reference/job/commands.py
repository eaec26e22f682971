"""What each command does, and that nothing is begun which cannot be done.

The extras (rich, matplotlib, safetensors) are imported by the command that needs them.
"""

import importlib.util
import sys
import webbrowser
from typing import Any

import numpy as np

from reference.job.errors import JobError, UsageError
from reference.job.files import OUT, Folder
from reference.job.process import workers
from reference.tasks.task import Examples, Task
from reference.training import devices
from reference.training.loop import data
from reference.training.room import shortage
from reference.training.schedules import USED
from reference.training.settings import Run
from reference.training.state import State, begin

ELSEWHERE = {  # modules whose package has another name than theirs, or another extra than the usual one
    "distributed": ("dask[distributed]", "dask"),
    "flint": ("python-flint", "exact"),
    "tensorboardX": ("tensorboardX", "tensorboard"),
}
Given = dict[str, Any]  # the options that stood on the command line


def everything(given: Given) -> int:
    """Verify and, if every backward pass is proved, train."""
    _expect_extras("rich", "matplotlib", "safetensors")
    Folder(OUT).expect_writable()
    if verify(given):
        raise JobError("nothing is trained before every backward pass is proved")
    return train(given)


def verify(given: Given) -> int:
    exact, accuracy, order = given.get("exact", False), given.get("accuracy", False), given.get("order", 1)
    _expect_extras("rich", *(["flint"] if exact else []))
    from reference.job import catalogue
    from reference.job.display import console
    from reference.job.proofs import show_proofs
    from reference.job.table import show_verdicts

    if accuracy and not exact:
        raise UsageError("accuracy must come with exact, got accuracy alone")
    if exact and order != 1:
        raise UsageError(f"order must be 1 with exact, got {order}")
    seed, names = _whole("seed", given.get("seed", 0), 0), catalogue.find(given.get("names", ()))
    with workers() as mapper:
        if exact:
            return 0 if show_proofs(console(), seed, mapper, names, accuracy) else 1
        return 0 if show_verdicts(console(), seed, mapper, names, order) else 1


def train(given: Given) -> int:
    events = given.pop("tensorboard", False)
    spread: Given = {name: given.pop(name) for name in ("workers", "dask", "mpi") if name in given}
    extras = (["tensorboardX"] if events else []) + (["distributed"] if "dask" in spread else [])
    _expect_extras("rich", "matplotlib", "safetensors", *extras)
    from reference.job import clusters
    from reference.job.display import console
    from reference.job.run import carry_out

    if given.get("device") == "gpu" and spread:
        raise UsageError(f"device gpu must come without {next(iter(spread))}, got both")
    device = devices.find(given.pop("device", "cpu"))
    folder = Folder(given.pop("out", OUT.with_name(given.get("task", OUT.name))))
    if given.pop("resume", False):
        run, state = _resumed(folder, given)
        folder.expect_writable()
    else:
        run = _run(given)
        for name, schedules in USED.items():
            if name in given and run.training.schedule not in schedules:
                some = " or ".join(schedules)
                raise UsageError(f"{name} must come with schedule {some}, got schedule {run.training.schedule}")
        folder.expect_writable()
        state = begin(run)
    with clusters.workers(spread) as workers:
        if workers != 1 and run.training.shards == 1:
            console().print("a batch has one shard, which one worker computes: --shards 8 has work for eight\n")
        carry_out(run, state, folder, console(), device, events, workers)
    return 0


def _run(given: Given) -> Run:
    try:
        run = Run.of(given)
    except (TypeError, ValueError) as error:
        raise UsageError(str(error).partition(": ")[2]) from None  # which settings they are says the name
    if (text := shortage(run)) is not None:
        raise UsageError(text)
    return run


def _resumed(folder: Folder, given: Given) -> tuple[Run, State]:
    """Load the run; of its settings only the number of epochs can grow, and only where no rate depends on it."""
    from reference.training.checkpoint import load

    run, state = load(folder.checkpoint)
    there = run.entries()
    for name, value in given.items():
        here = there.get(name)
        if value != here and not (name == "epochs" and run.training.schedule == "constant" and value > here):
            raise UsageError(f"{name} must be {here} as in {folder.checkpoint}, got {value}")
    return _run({**there, **given}), state


def generate(given: Given) -> int:
    if {"model", "prompt", "tokens"} & given.keys():
        return _speak(given)
    _expect_extras("rich", "safetensors")
    from reference.job.display import console, show_samples
    from reference.training.checkpoint import load

    run, state = load(given.get("checkpoint", Folder(OUT).checkpoint))
    examples = _examples(run, given)
    said = [run.family.said(state.model, one.source, one.labels.shape[1]) for one in examples]
    show_samples(console(), run.task, examples, said)
    return 0


def _speak(given: Given) -> int:
    from reference.job import published

    for name in ("model", "prompt"):
        if name not in given:
            raise UsageError("--model, --prompt and --tokens go together, got no --" + name)
    for name in ("symbols", "checkpoint", "count", "seed"):
        if given.get(name):
            raise UsageError(f"published weights take a --prompt, got {name}")
    published.speak(given["model"], given["prompt"], given.get("tokens", 50), sys.stdout)
    return 0


def convert(given: Given) -> int:
    from reference.job import published

    published.convert(given["source"], given["out"], given.get("dtype"))
    return 0


def spec(given: Given) -> int:
    from reference.job import cite
    from reference.job import spec as pages

    name = given["page"]
    if given.get("open"):
        webbrowser.open(address := cite.address(name))
        print(address)
    elif given.get("cite"):
        print(cite.bibtex(name))
    else:
        print(pages.verdicts(name) if given.get("prove") else pages.page(name))
    return 0


def _examples(run: Run, given: Given) -> list[Examples]:
    """Return, one by one, the sequences that were asked for, or some of those that were held out."""
    if "symbols" in given:
        for name in ("count", "seed"):
            if name in given:
                raise UsageError(f"{name} must come without symbols, got {name} {given[name]} and symbols")
        parts = (part.split() for part in " ".join(given["symbols"]).split("/"))
        sources = [_source(run.task, part) for part in parts if part]
        if not sources:
            raise UsageError("a sequence must have at least one symbol, got none")
        return [Examples(source[None], run.task.answers(source[None])) for source in sources]
    count = _whole("count", given.get("count", 5), 1)
    rng = np.random.default_rng(_whole("seed", given.get("seed", 0), 0))
    _, held_out = data(run)
    return [held_out[row : row + 1] for row in rng.permutation(len(held_out))[:count]]


def _source(task: Task, words: list[str]) -> np.ndarray:
    try:
        return task.read(words)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _whole(name: str, value: int, least: int) -> int:
    if value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, got {value}")
    return value


def _expect_extras(*names: str) -> None:
    missing: dict[str, list[str]] = {}
    for name in names:
        if importlib.util.find_spec(name) is None:
            package, extra = ELSEWHERE.get(name, (name, "train"))
            missing.setdefault(extra, []).append(package)
    for extra, packages in missing.items():
        raise JobError(f"{' and '.join(packages)} must be installed: pip install 'backproof[{extra}]'")
