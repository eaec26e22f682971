"""What the job prints when something is done."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rich.console import Console

from reference.data import tokenizer
from reference.tasks.learned import Learned
from reference.tasks.task import Examples
from reference.training.settings import Run

BRIEF = 74  # characters of a sample in the list of epochs


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


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


def show_samples(console: Console, task: Learned, examples: Iterable[Examples], said: Iterable[np.ndarray]) -> None:
    """Print each source beside what was said to it, and whether that is right."""
    rows = [
        (task.source_text(source), task.said_text(answer), ("right" if tokens.all() else "wrong") if some.count else "")
        for some, answers in zip(examples, said, strict=True)
        for source, answer, tokens in zip(some.source, answers, task.right(some, answers), strict=True)
    ]
    width = max(len("source"), *(len(source) for source, _, _ in rows))
    width_out = max(len("generated"), *(len(answer) for _, answer, _ in rows))
    console.print(f"\n{'source':{width}}   generated", soft_wrap=True)
    for source, answer, word in rows:
        colour = "bold red" if word == "wrong" else "green"
        shown = f"{source:{width}}   {answer:{width_out}}   " if word else f"{source:{width}}   {answer}"
        console.print(shown, end="", soft_wrap=True)
        console.print(word, style=colour, soft_wrap=True)
