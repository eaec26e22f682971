"""A training run with all that it shows and writes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

from reference.generation.greedy import greedy
from reference.job import checkpoint, evaluate, metrics, plots
from reference.job.boards import TrainingBoard
from reference.job.devices import HOST, Device
from reference.job.display import show_accuracy, show_samples, show_settings
from reference.job.errors import JobError, WriteError
from reference.job.files import Folder
from reference.job.maps import attention_maps
from reference.job.process import deaf
from reference.job.settings import Settings
from reference.job.tasks.copy import START, Examples
from reference.job.train import DivergedError, State, data, expect_finite, train

SAMPLES = 5
LIVE_STEPS, LIVE_ROWS = 10, 64  # how often a bar asks for the accuracy, and of how many sequences


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the checkpoint was written; the text says where."""


def run(settings: Settings, state: State, folder: Folder, console: Console, device: Device = HOST) -> State:
    """Train from `state` to the end; write checkpoint and metrics after each epoch, pictures at the end.

    The state is on the host, before and after; between it is on the device, and what is written is as from the host.

    An earlier run in the folder stays whole until this one has a checkpoint to put in its place.

    Raises:
        Interrupted: by Ctrl-C; the checkpoint holds the last whole step.
        DivergedError, WriteError: a number is not finite, or a file could not be written; the text says what is kept.
    """
    place, state = Place(folder, settings, state.step, device), _with(state, device.moved)
    show_settings(console, settings)
    try:
        training, held_out = data(settings)
        states = train(settings, state, training, held_out, device)
        if state.step:
            place.save(state)
        with TrainingBoard(console, settings, state) as board, np.errstate(all="ignore"):  # `train` looks at each loss
            for state in states:
                if state.step % settings.steps_per_epoch == 0:
                    place.save(state)
                    board.epoch(state.records[-1])
                if board.live and state.step % LIVE_STEPS == 0:
                    board.accuracy(evaluate.forced(state.model, held_out[:LIVE_ROWS], device).tokens)
                board.step(state)
        state = _with(state, device.home)
        _report(settings, state, held_out, folder, console)
    except KeyboardInterrupt:
        with deaf():
            raise Interrupted(place.interrupted(state)) from None
    except (DivergedError, WriteError) as error:
        raise place.told(error) from None
    return state


def _with(state: State, move: Callable[[Any], Any]) -> State:
    return dataclasses.replace(state, model=move(state.model), optimizer=move(state.optimizer))


class Place:
    """The folder of a run, and which step of this run its checkpoint holds: 0 if it holds none yet."""

    def __init__(self, folder: Folder, settings: Settings, step: int, device: Device = HOST) -> None:
        self._folder, self._settings, self._step, self._device = folder, settings, step, device

    def save(self, state: State) -> None:
        """Put the checkpoint in its place, and the metrics beside it; with a run's first one, an earlier run goes."""
        checkpoint.save(self._folder.checkpoint, self._settings, _with(state, self._device.home))
        self._step = state.step
        if len(state.records) < 2:
            self._folder.clear()
        metrics.write(self._folder.metrics, state.records)

    def interrupted(self, state: State) -> str:
        """Save the last whole step, if there is any, and say so."""
        folder, settings = self._folder, self._settings
        if not state.step:
            return f"interrupted before the first step: {folder.path} is as it was"
        try:
            expect_finite(settings, state, self._device)
            self.save(state)
        except (DivergedError, WriteError) as error:
            raise self.told(error) from None
        return (
            f"interrupted at step {state.step:,} of {settings.steps:,}: {folder.checkpoint} is whole, "
            f"go on with 'python -m reference train --resume --out {folder.path}'"
        )

    def told(self, error: JobError) -> JobError:
        """Return the error with what is kept."""
        kept = f"{self._folder.checkpoint} is whole, of step {self._step:,}"
        return type(error)(f"{error}; {kept if self._step else f'{self._folder.path} is as it was'}")


def _report(settings: Settings, state: State, held_out: Examples, folder: Folder, console: Console) -> None:
    """Show the accuracy and a few samples, and draw the pictures."""
    show_accuracy(console, state.records[-1], len(held_out))
    some = held_out[:SAMPLES]
    said = greedy(state.model, some.source, start=START, length=settings.length)
    show_samples(console, some.source, said)

    plots.write(folder.curves, plots.curves(state.losses, state.records, settings.vocabulary))
    sample = Examples(source=some.source[:1], labels=said[:1])
    maps = attention_maps(state.model, source=sample.source, target=sample.target)
    plots.write(folder.attention, plots.attention(maps, sample))
    console.print(f"\nwritten to {folder.path}: {', '.join(path.name for path in folder.files)}", soft_wrap=True)
