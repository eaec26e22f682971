"""What the job prints when something is done."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from rich.console import Console

from reference.tasks.task import Examples, Task
from reference.training.settings import Run


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def percent(share: float) -> str:
    """Return the share in per cent, rounded down: 100.00 % means all of them."""
    return f"{math.floor(share * 1e4 + 1e-9) / 100:.2f} %"


def nats(loss: float) -> str:
    """Return the loss in at most 8 characters."""
    text = f"{loss:.4f}"
    return text if len(text) <= 8 else f"{loss:.2e}"


def words(task: Task, ids: Iterable[int]) -> str:
    return " ".join(task.name_of(int(token)) for token in ids)


def show_settings(console: Console, run: Run) -> None:
    read, said = run.task.sizes
    console.print(
        f"{run.task_name}: {run.task.title}; {read:,} tokens to read and {said:,} to say, "
        f"{run.task.training:,} sequences to train on, {run.task.held_out:,} held out\n",
        soft_wrap=True,
    )


def show_accuracy(console: Console, record: Mapping[str, float], count: int) -> None:
    console.print(f"\nheld-out: {count:,} sequences that do not occur in training")
    console.print(f"{'':14}{'tokens':>11}{'sequences':>12}")
    for name, key in (("autoregressive", "held_out"), ("teacher-forced", "forced")):
        console.print(f"{name}{percent(record[f'{key}_tokens']):>11}{percent(record[f'{key}_sequences']):>12}")


def show_samples(console: Console, task: Task, examples: Iterable[Examples], said: Iterable[np.ndarray]) -> None:
    """Print each source beside what was said to it, and whether that is right."""
    rows = [
        (words(task, source), words(task, answer), tokens.all())
        for some, answers in zip(examples, said, strict=True)
        for source, answer, tokens in zip(some.source, answers, task.right(some, answers), strict=True)
    ]
    width = max(len("source"), *(len(source) for source, _, _ in rows))
    width_out = max(len("generated"), *(len(answer) for _, answer, _ in rows))
    console.print(f"\n{'source':{width}}   generated", soft_wrap=True)
    for source, answer, is_right in rows:
        word, colour = ("right", "green") if is_right else ("wrong", "bold red")
        console.print(f"{source:{width}}   {answer:{width_out}}   ", end="", soft_wrap=True)
        console.print(word, style=colour, soft_wrap=True)
