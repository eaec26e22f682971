"""A training run with all that it shows and writes."""

import numpy as np
from rich.console import Console

from reference.job import metrics, plots
from reference.job.boards import TrainingBoard
from reference.job.display import show_accuracy, show_samples, show_settings
from reference.job.files import Folder
from reference.job.maps import attention_maps
from reference.job.process import deaf
from reference.tasks.task import Examples
from reference.training import checkpoint, evaluate
from reference.training.devices import HOST, Device
from reference.training.errors import DivergedError, RunError, WriteError
from reference.training.loop import data, expect_finite, train
from reference.training.settings import Run
from reference.training.state import State

SAMPLES = 5
LIVE_STEPS, LIVE_ROWS = 10, 64  # how often a bar asks for the accuracy, and of how many sequences


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the checkpoint was written; the text says where."""


def carry_out(run: Run, state: State, folder: Folder, console: Console, device: Device = HOST) -> State:
    """Train from `state` to the end; write checkpoint and metrics after each epoch, pictures at the end.

    The state is on the host, before and after; between it is on the device, and what is written is as from the host.

    An earlier run in the folder stays whole until this one has a checkpoint to put in its place.

    Raises:
        Interrupted: by Ctrl-C; the checkpoint holds the last whole step.
        DivergedError, WriteError: a number is not finite, or a file could not be written; the text says what is kept.
    """
    place, state = Place(folder, run, state.step, device), state.moved(device.moved)
    show_settings(console, run)
    try:
        training, held_out = data(run)
        states = train(run, state, training, held_out, device)
        if state.step:
            place.save(state)
        with TrainingBoard(console, run, state) as board, np.errstate(all="ignore"):  # `train` looks at each loss
            for state in states:
                if state.step % run.steps_per_epoch == 0:
                    place.save(state)
                    board.epoch(state.records[-1])
                if board.live and state.step % LIVE_STEPS == 0:
                    board.accuracy(evaluate.forced(run, state.model, held_out[:LIVE_ROWS], device).tokens)
                board.step(state)
        state = state.moved(device.home)
        _report(run, state, held_out, folder, console)
    except KeyboardInterrupt:
        with deaf():
            raise Interrupted(place.interrupted(state)) from None
    except (DivergedError, WriteError) as error:
        raise place.told(error) from None
    return state


class Place:
    """The folder of a run, and which step of this run its checkpoint holds: 0 if it holds none yet."""

    def __init__(self, folder: Folder, run: Run, step: int, device: Device = HOST) -> None:
        self._folder, self._run, self._step, self._device = folder, run, step, device

    def save(self, state: State) -> None:
        """Put the checkpoint in its place, and the metrics beside it; with a run's first one, an earlier run goes."""
        checkpoint.save(self._folder.checkpoint, self._run, state.moved(self._device.home))
        self._step = state.step
        if len(state.records) < 2:
            self._folder.clear()
        metrics.write(self._folder.metrics, state.records)

    def interrupted(self, state: State) -> str:
        """Save the last whole step, if there is any, and say so."""
        folder, run = self._folder, self._run
        if not state.step:
            return f"interrupted before the first step: {folder.path} is as it was"
        try:
            expect_finite(run, state, self._device)
            self.save(state)
        except (DivergedError, WriteError) as error:
            raise self.told(error) from None
        return (
            f"interrupted at step {state.step:,} of {run.steps:,}: {folder.checkpoint} is whole, "
            f"go on with 'python -m reference train --resume --out {folder.path}'"
        )

    def told(self, error: RunError) -> RunError:
        """Return the error with what is kept."""
        kept = f"{self._folder.checkpoint} is whole, of step {self._step:,}"
        return type(error)(f"{error}; {kept if self._step else f'{self._folder.path} is as it was'}")


def _report(run: Run, state: State, held_out: Examples, folder: Folder, console: Console) -> None:
    """Show the accuracy and a few samples, and draw the pictures."""
    show_accuracy(console, state.records[-1], len(held_out))
    some = held_out[:SAMPLES]
    said = run.family.said(state.model, some.source, run.task.sizes[1])
    show_samples(console, run.task, [some], [said])

    plots.write(folder.curves, plots.curves(state.losses, state.records, run.task.tokens - 1))
    sample = Examples(source=some.source[:1], labels=said[:1])
    inputs = {name: ids for name, ids in run.family.inputs(sample).items() if name != "labels"}
    plots.write(folder.attention, plots.attention(attention_maps(state.model, **inputs), sample, run.task))
    console.print(f"\nwritten to {folder.path}: {', '.join(path.name for path in folder.files)}", soft_wrap=True)
