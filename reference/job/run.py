"""A training run with all that it shows and writes."""

import contextlib
import dataclasses
from typing import Any

import numpy as np
from rich.console import Console

from reference.data.corpus import text_of
from reference.data.errors import DataError
from reference.job import plots, report
from reference.job.boards import TrainingBoard
from reference.job.compressors import bits_a_byte
from reference.job.display import show_accuracy, show_bits, show_samples, show_settings
from reference.job.files import Folder
from reference.job.maps import attention_maps
from reference.job.place import Place
from reference.tasks.text import Text
from reference.training import evaluate, files
from reference.training.devices import HOST, Device
from reference.training.errors import RunError
from reference.training.loop import data, train
from reference.training.process import deaf
from reference.training.settings import Run
from reference.training.state import State
from reference.training.workers import Workers

SAMPLES = 5
LIVE_STEPS, LIVE_ROWS = 10, 64  # how often a bar asks for the accuracy, and of how many sequences


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the checkpoint was written; the text says where."""


def carry_out(
    run: Run,
    state: State,
    folder: Folder,
    console: Console,
    device: Device = HOST,
    events: bool = False,
    workers: Workers = 1,
) -> State:
    """Train from `state` to the end; write checkpoints and metrics after each epoch, pictures and a report at the end.

    The state is on the host, before and after; between it is on the device, and what is written is as from the host.

    An earlier run in the folder stays whole until this one has a checkpoint to put in its place.

    Raises:
        Interrupted: by Ctrl-C; the checkpoint holds the last whole step.
        RunError: a number is not finite, a file could not be written, or workers died; the text says what is kept.
    """
    place, state = Place(folder, run, state, device, events), state.moved(device.moved)
    show_settings(console, run)
    try:
        training, held_out = data(run)
        states = train(run, state, training, held_out, device, workers)
        if state.step:
            place.save(state)
        with (
            contextlib.closing(states),
            TrainingBoard(console, run, state) as board,
            np.errstate(all="ignore"),  # `train` looks at each loss
        ):
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
    except RunError as error:
        raise place.told(error) from None
    return state


def _report(run: Run, state: State, held_out: Any, folder: Folder, console: Console) -> None:
    """Show how the model is judged, and write pictures and report."""
    if isinstance(run.task, Text):
        curves, attention, text = _of_text(run, run.task, state, held_out, console)
    else:
        curves, attention, text = _of_answers(run, state, held_out, console)
    for path, content in ((folder.curves, curves), (folder.attention, attention), (folder.report, text.encode())):
        files.write(path, content)
    console.print(f"\nwritten to {folder.path}: {', '.join(path.name for path in folder.files)}", soft_wrap=True)


def _of_text(run: Run, task: Text, state: State, held_out: Any, console: Console) -> tuple[bytes, bytes, str]:
    """Show bits a byte; return curves, maps of attention and the report."""
    try:
        beside = bits_a_byte(text_of(task.files, task.corpus()))
    except DataError as error:
        raise RunError(str(error)) from None
    show_bits(console, run, state.records[-1], beside)
    curves = plots.png(plots.text_curves(state.losses, state.records, beside))
    sample = held_out[:1]
    inputs = {name: ids for name, ids in run.family.inputs(sample).items() if name != "labels"}
    attention = plots.png(plots.attention(attention_maps(state.model, **inputs), sample, task))
    pictures = {"Loss and bits a byte": curves, "Where the model looks": attention}
    return curves, attention, report.text_page(run, state.records, beside, pictures)


def _of_answers(run: Run, state: State, held_out: Any, console: Console) -> tuple[bytes, bytes, str]:
    """Show the accuracy and a few samples; return curves, maps of attention and the report."""
    show_accuracy(console, state.records[-1], run.task.judges, run.family.at_once)
    some = held_out[:SAMPLES]
    said = run.family.said(state.model, some, HOST.there)
    show_samples(console, run.task, [some], [said])

    sample = dataclasses.replace(some[:1], labels=said[:1])
    inputs = {name: ids for name, ids in run.family.inputs(sample).items() if name != "labels"}
    curves = plots.png(plots.curves(state.losses, state.records, run.task.choices, run.family.at_once))
    attention = plots.png(plots.attention(attention_maps(state.model, **inputs), sample, run.task))
    pictures = {"Loss and accuracy": curves, "Where the model looks": attention}
    return curves, attention, report.page(run, state.records, some, said, pictures)
