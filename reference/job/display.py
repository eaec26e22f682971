"""What the job prints when something is done."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from rich.console import Console

from reference.job.settings import Settings


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def percent(share: float) -> str:
    """Return the share in per cent, rounded down: 100.00 % means all of them."""
    return f"{math.floor(share * 1e4 + 1e-9) / 100:.2f} %"


def nats(loss: float) -> str:
    """Return the loss in at most 8 characters."""
    text = f"{loss:.4f}"
    return text if len(text) <= 8 else f"{loss:.2e}"


def symbols(ids: Iterable[int]) -> str:
    return " ".join(map(str, ids))


def show_settings(console: Console, settings: Settings) -> None:
    console.print(
        f"copying {settings.length:,} symbols out of {settings.vocabulary:,}: "
        f"{settings.training:,} sequences to train on, {settings.held_out:,} held out\n",
        soft_wrap=True,
    )


def show_accuracy(console: Console, record: Mapping[str, float], count: int) -> None:
    console.print(f"\nheld-out: {count:,} sequences that do not occur in training")
    console.print(f"{'':14}{'tokens':>11}{'sequences':>12}")
    for name, key in (("autoregressive", "held_out"), ("teacher-forced", "forced")):
        console.print(f"{name}{percent(record[f'{key}_tokens']):>11}{percent(record[f'{key}_sequences']):>12}")


def show_samples(console: Console, sources: Iterable[np.ndarray], said: Iterable[np.ndarray]) -> None:
    pairs = [(symbols(source), symbols(answer)) for source, answer in zip(sources, said, strict=True)]
    width = max(len("generated"), *(len(text) for pair in pairs for text in pair))
    console.print(f"\n{'source':{width}}   generated", soft_wrap=True)
    for source, answer in pairs:
        word, colour = ("right", "green") if source == answer else ("wrong", "bold red")
        console.print(f"{source:{width}}   {answer:{width}}   ", end="", soft_wrap=True)
        console.print(word, style=colour, soft_wrap=True)
