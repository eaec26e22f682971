"""What the job prints when something is done."""

import errno
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console

from reference.data import tokenizer
from reference.tasks.learned import Learned
from reference.tasks.task import Examples
from reference.training.settings import Run

BRIEF = 74  # characters of a sample in the list of epochs


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command to say that nobody reads on: rich ends with the status of a failure."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads the output")


def console() -> Console:
    return _Terminal(highlight=False, markup=False, emoji=False)


def percent(share: float) -> str:
    """Return the share in per cent, rounded down: 100.00 % means all of them."""
    return f"{math.floor(share * 1e4 + 1e-9) / 100:.2f} %"


def nats(loss: float) -> str:
    """Return the loss in at most 8 characters."""
    text = f"{loss:.4f}"
    return text if len(text) <= 8 else f"{loss:.2e}"


def brief(sample: str) -> str:
    """Return the beginning of a text on one line."""
    return tokenizer.shown(sample)[:BRIEF]


def show_settings(console: Console, run: Run) -> None:
    console.print(f"{run.task_name}: {run.task.title}; {run.task.about}\n", soft_wrap=True)


def show_accuracy(console: Console, record: Mapping[str, float], judges: str, at_once: bool = False) -> None:
    """Print shares of tokens and sequences that are right; `at_once` as of a family."""
    every = [("autoregressive", "held_out"), ("teacher-forced", "forced")]
    if at_once:
        every = [("all at once", "held_out")]
    console.print(f"\nheld-out: {judges}")
    console.print(f"{'':14}{'tokens':>11}{'sequences':>12}")
    for name, key in every:
        console.print(f"{name:14}{percent(record[f'{key}_tokens']):>11}{percent(record[f'{key}_sequences']):>12}")


def show_bits(console: Console, run: Run, record: Mapping[str, Any], beside: Mapping[str, float]) -> None:
    """Print what a model of text makes of a byte that was held out, and what compressors make of one."""
    console.print(f"\nheld-out: {run.task.judges}, {nats(record['held_out_loss'])} nats a token")
    console.print(f"{'':14}{'bits a byte':>11}")
    for name, bits in {"the model": record["held_out_bits_a_byte"], **beside}.items():
        console.print(f"{name:14}{bits:>11.4f}")


def show_samples(console: Console, task: Learned, examples: Sequence[Examples], said: Iterable[np.ndarray]) -> None:
    """Print each source beside what was said to it, as soon as it is there, and whether that is right."""
    sources = [[task.source_text(source) for source in some.source] for some in examples]
    width = max(len("source"), *(len(source) for texts in sources for source in texts))
    right = [task.said_text(labels) for some in examples if some.count for labels in some.labels]
    width_out = max(len("generated"), *map(len, right), 0)
    console.print(f"\n{'source':{width}}   generated", soft_wrap=True)
    for some, texts, answers in zip(examples, sources, said, strict=True):
        for source, answer, tokens in zip(texts, answers, task.right(some, answers), strict=True):
            word = ("right" if tokens.all() else "wrong") if some.count else ""
            shown = task.said_text(answer)
            shown = f"{source:{width}}   {shown:{width_out}}   " if word else f"{source:{width}}   {shown}"
            console.print(shown, end="", soft_wrap=True)
            console.print(word, style="bold red" if word == "wrong" else "green", soft_wrap=True)
