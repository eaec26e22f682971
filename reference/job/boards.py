"""Work under way: a bar in a terminal, plain lines elsewhere."""

from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from reference.job.display import brief, nats, percent
from reference.training.settings import Run
from reference.training.state import State


class Bar(Progress):
    """A bar that gives the cursor back even if Ctrl-C comes while it begins."""

    def start(self) -> None:
        try:
            super().start()
        except BaseException:
            self.stop()
            raise


def bar(console: Console) -> Bar:
    """Return a bar that is gone when the work is done, and that only a terminal gets."""
    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[now]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class TrainingBoard:
    """A line for each epoch and, in a terminal, a bar with the loss and the accuracy of the moment."""

    def __init__(self, console: Console, run: Run, state: State) -> None:
        self._console, self._run = console, run
        self._bar = bar(console)
        self._task = self._bar.add_task("", total=run.steps, completed=state.step, now="")
        self._accuracy, self._done = "", state.records

    @property
    def live(self) -> bool:
        return not self._bar.disable

    def __enter__(self) -> Self:
        if self._run.task.goes_on:
            self._console.print(f"epoch{'step':>9}{'training':>11}{'held-out':>11}{'bits a byte':>14}")
        else:
            self._console.print(" " * 9 + "training" + " " * 13 + "held-out")
            self._console.print(f"epoch{'loss':>9}{'tokens':>11}{'loss':>10}{'tokens':>11}{'sequences':>12}")
        for record in self._done:
            self.epoch(record)
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def accuracy(self, tokens: float) -> None:
        self._accuracy = f"tokens {percent(tokens)}"

    def step(self, state: State) -> None:
        epoch = min(state.step // self._run.steps_per_epoch + 1, self._run.training.epochs)
        self._bar.update(
            self._task,
            completed=state.step,
            description=f"epoch {epoch}/{self._run.training.epochs}",
            now=f"loss {nats(state.losses[-1])}  {self._accuracy}",
        )

    def epoch(self, record: Mapping[str, Any]) -> None:
        if self._run.task.goes_on:
            self._console.print(
                f"{record['epoch']:>5}{record['step']:>9,}{nats(record['loss']):>11}{nats(record['held_out_loss']):>11}"
                f"{record['held_out_bits_a_byte']:>14.4f}\n      {brief(record['sample'])}",
                soft_wrap=True,
            )
            return
        self._console.print(
            f"{record['epoch']:>5}{nats(record['loss']):>9}{percent(record['training_tokens']):>11}"
            f"{nats(record['held_out_loss']):>10}{percent(record['held_out_tokens']):>11}"
            f"{percent(record['held_out_sequences']):>12}"
        )
