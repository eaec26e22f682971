"""What each command does, and that nothing is begun which cannot be done.

The extras (rich, matplotlib, safetensors) are imported by the command that needs them.
"""

import dataclasses
import importlib.util
from typing import Any

import numpy as np

from reference.generation.greedy import greedy
from reference.job import devices
from reference.job.errors import JobError, UsageError
from reference.job.files import OUT, Folder
from reference.job.process import workers
from reference.job.room import shortage
from reference.job.settings import Settings
from reference.job.tasks.copy import START
from reference.job.train import State, begin, data

ELSEWHERE = {"flint": ("python-flint", "exact")}  # modules whose package has another name, and its extra
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
    _expect_extras("rich", "matplotlib", "safetensors")
    from reference.job.display import console
    from reference.job.run import run

    device = devices.find(given.pop("device", "cpu"))
    folder = Folder(given.pop("out", OUT))
    if given.pop("resume", False):
        settings, state = _resumed(folder, given)
        folder.expect_writable()
    else:
        settings = _settings(given)
        folder.expect_writable()
        state = begin(settings)
    run(settings, state, folder, console(), device)
    return 0


def _settings(given: Given) -> Settings:
    try:
        settings = Settings.of(**given)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if (text := shortage(settings)) is not None:
        raise UsageError(text)
    return settings


def _resumed(folder: Folder, given: Given) -> tuple[Settings, State]:
    """Load the run; of its settings only the number of epochs can grow, and only where no rate depends on it."""
    from reference.job.checkpoint import load

    settings, state = load(folder.checkpoint)
    for name, value in given.items():
        here = getattr(settings, name)
        if value != here and not (name == "epochs" and settings.schedule == "constant" and value > here):
            raise UsageError(f"{name.replace('_', '-')} must be {here} as in {folder.checkpoint}, got {value}")
    return dataclasses.replace(settings, **given), state


def generate(given: Given) -> int:
    _expect_extras("rich", "safetensors")
    from reference.job.checkpoint import load
    from reference.job.display import console, show_samples

    settings, state = load(given.get("checkpoint", Folder(OUT).checkpoint))
    sources = _sources(settings, given)
    said = [greedy(state.model, source[None], start=START, length=len(source))[0] for source in sources]
    show_samples(console(), sources, said)
    return 0


def spec(given: Given) -> int:
    from reference.job import spec as pages

    print(pages.verdicts(given["page"]) if given.get("prove") else pages.page(given["page"]))
    return 0


def _sources(settings: Settings, given: Given) -> list[np.ndarray]:
    """Return the sequences that were asked for, or some of those that were held out."""
    if "symbols" in given:
        for name in ("count", "seed"):
            if name in given:
                raise UsageError(f"{name} must come without symbols, got {name} {given[name]} and symbols")
        parts = (part.split() for part in " ".join(given["symbols"]).split("/"))
        sources = [np.array([_symbol(word, settings.vocabulary) for word in part]) for part in parts if part]
        if not sources:
            raise UsageError("a sequence must have at least one symbol, got none")
        return sources
    count = _whole("count", given.get("count", 5), 1)
    rng = np.random.default_rng(_whole("seed", given.get("seed", 0), 0))
    _, held_out = data(settings)
    return list(held_out.source[rng.permutation(len(held_out))[:count]])


def _symbol(word: str, vocabulary: int) -> int:
    if not word.isdecimal() or not 1 <= float(word) <= vocabulary:  # int would refuse 5,000 digits
        raise UsageError(f"a symbol must be a whole number from 1 to {vocabulary}, got {word!r}")
    return int(word)


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
