"""A training run with all that it shows and writes."""

from rich.console import Console

from reference.generation.greedy import greedy
from reference.job import checkpoint, evaluate, metrics, plots
from reference.job.boards import TrainingBoard
from reference.job.display import show_accuracy, show_samples
from reference.job.files import Folder
from reference.job.maps import attention_maps
from reference.job.process import deaf
from reference.job.settings import Settings
from reference.job.tasks.copy import START, Examples
from reference.job.train import State, data, train

SAMPLES = 5
LIVE_STEPS, LIVE_ROWS = 10, 64  # how often a bar asks for the accuracy, and of how many sequences


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the checkpoint was written; the text says where."""


def run(settings: Settings, state: State, folder: Folder, console: Console) -> State:
    """Train from `state` to the end; write checkpoint and metrics after each epoch, pictures at the end.

    Raises:
        Interrupted: by Ctrl-C; the checkpoint holds the last whole step.
    """
    training, held_out = data(settings)
    states = train(settings, state, training, held_out)
    try:
        _save(settings, state, folder)
        with TrainingBoard(console, settings, state) as board:
            for state in states:
                if state.step % settings.steps_per_epoch == 0:
                    _save(settings, state, folder)
                    board.epoch(state.records[-1])
                if board.live and state.step % LIVE_STEPS == 0:
                    board.accuracy(evaluate.forced(state.model, held_out[:LIVE_ROWS]).tokens)
                board.step(state)
        _report(settings, state, held_out, folder, console)
    except KeyboardInterrupt:
        with deaf():
            _save(settings, state, folder)
        raise Interrupted(
            f"interrupted at step {state.step:,} of {settings.steps:,}: {folder.checkpoint} is whole, "
            f"go on with 'python -m reference train --resume --out {folder.path}'"
        ) from None
    return state


def _save(settings: Settings, state: State, folder: Folder) -> None:
    checkpoint.save(folder.checkpoint, settings, state)
    metrics.write(folder.metrics, state.records)


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
