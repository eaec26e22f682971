"""What a trained model says, to sequences or behind a prompt."""

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from reference.generation.stream import GREEDY
from reference.job import prompted
from reference.job.asked import expect_extras, whole
from reference.job.errors import UsageError
from reference.job.files import OUT, Folder
from reference.tasks.learned import Learned
from reference.tasks.task import Examples
from reference.training import devices
from reference.training.loop import data
from reference.training.settings import Run

Given = dict[str, Any]  # the options that stood on the command line


def generate(given: Given) -> int:
    """Carry the command out; the options are those that stood on the command line."""
    if "model" in given:
        return _speak(given)
    if prompted.asked(given):
        return _go_on(given)
    expect_extras("rich", "safetensors")
    from reference.training.checkpoint import load

    run, state = load(given.get("checkpoint", Folder(OUT).checkpoint))
    if run.task.goes_on:
        raise UsageError("a model of text must have a --prompt to go on from, got none")
    _answer(run, state.model, _examples(run, given))
    return 0


def _go_on(given: Given) -> int:
    """Let a model that was trained here go on from a prompt, or answer the sequences in it."""
    expect_extras("safetensors")
    from reference.job import speak
    from reference.training.checkpoint import load
    from reference.training.samples import DRAWN

    prompt, sampling = prompted.text(given), prompted.sampling(given, DRAWN)
    for name in ("symbols", "count"):
        if given.get(name):
            raise UsageError(f"a prompt must come without {name}, got both")
    length, seed = whole("tokens", given.get("tokens", 50), 1), whole("seed", given.get("seed", 0), 0)
    run, state = load(given.get("checkpoint", Folder(OUT.with_name("text")).checkpoint))
    if not run.task.goes_on:
        expect_extras("rich")
        prompted.expect_alone(given, run.task_name)
        _answer(run, state.model, _asked(run.task, prompt.splitlines()))
        return 0
    speak.speak(
        run, state.model, prompt, length, seed, sys.stdout, sampling=sampling, end=given.get("end"), told=sys.stderr
    )
    return 0


def _answer(run: Run, model: Any, examples: list[Examples]) -> None:
    """Show what a model says to each of the sequences as soon as it is said, then how fast."""
    from reference.job.display import console, show_samples

    count = seconds = 0.0

    def said() -> Iterator[np.ndarray]:
        nonlocal count, seconds
        for one in examples:
            start = time.perf_counter()
            answer = run.family.said(model, one, devices.HOST.there)
            seconds += time.perf_counter() - start
            count += answer.size
            yield answer

    show_samples(console(), run.task, examples, said())
    prompted.tell(sys.stderr, int(count), seconds)


def _speak(given: Given) -> int:
    from reference.job import published

    for name in ("symbols", "checkpoint", "count"):
        if given.get(name):
            raise UsageError(f"published weights take a --prompt, got {name}")
    prompt, sampling = prompted.text(given), prompted.sampling(given, GREEDY)
    tokens, seed = given.get("tokens"), whole("seed", given.get("seed", 0), 0)
    published.speak(
        given["model"], prompt, None if tokens is None else whole("tokens", tokens, 1), sys.stdout,
        sampling=sampling, seed=seed, end=given.get("end"), told=sys.stderr,
    )  # fmt: skip
    return 0


def _examples(run: Run, given: Given) -> list[Examples]:
    """Return, one by one, the sequences that were asked for, or some of those that were held out."""
    if "symbols" in given:
        for name in ("count", "seed"):
            if name in given:
                raise UsageError(f"{name} must come without symbols, got {name} {given[name]} and symbols")
        symbols = prompted.decoded("symbols", os.fsencode(" ".join(given["symbols"])))
        return _asked(run.task, symbols.split("/"))
    count = whole("count", given.get("count", 5), 1)
    rng = np.random.default_rng(whole("seed", given.get("seed", 0), 0))
    _, held_out = data(run)
    return [held_out[row : row + 1] for row in rng.permutation(len(held_out))[:count]]


def _asked(task: Learned, sequences: list[str]) -> list[Examples]:
    """Return one by one what was asked, but for what is empty."""
    try:
        asked = [task.asked(each.split()) for each in sequences if each.strip()]
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not asked:
        raise UsageError("a sequence must have at least one symbol, got none")
    return asked
