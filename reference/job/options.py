"""The options of the command line, one for each setting."""

import argparse
from typing import Any, NoReturn

from reference.job import settings
from reference.job.settings import Settings

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "the task": {
        "vocabulary": ("N", "symbols, the start token not counted"),
        "length": ("N", "symbols in a sequence"),
        "training": ("N", "sequences to train on"),
        "held_out": ("N", "sequences to judge by, none of which occurs in training"),
    },
    "the model": {
        "width": ("N", "width of the model"),
        "heads": ("N", "attention heads, a divisor of the width"),
        "hidden": ("N", "hidden width of the feed-forward layers"),
        "layers": ("N", "blocks in the encoder, and in the decoder"),
        "norm": ("", "where the norm of a residual connection stands"),
        "embeddings": ("", "three tables, or one for source, target and output"),
    },
    "the training": {
        "batch": ("N", "sequences in a batch"),
        "epochs": ("N", "times through the training sequences"),
        "optimizer": ("", (
            "what makes a step of a gradient of the loss, summed over a sequence's tokens; with their mean, and the "
            "same rates, sgd needs about five times as many epochs, adam no more")),
        "schedule": ("", "how the learning rate goes on"),
        "rate": ("X", "learning rate, or the first one of a schedule that falls"),
        "end_rate": ("X", "the last learning rate of a schedule that falls"),
        "seed": ("N", "of the data, the parameters and the order; the same seed gives the same bits"),
    },
}


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add every setting; one that is not given is left out of the parsed arguments."""
    for title, options in GROUPS.items():
        group = parser.add_argument_group(title)
        for name, (metavar, text) in options.items():
            default = getattr(Settings, name)
            kind: dict[str, Any] = {"type": type(default), "metavar": metavar}
            if name in settings.CHOICES:
                kind = {"choices": settings.CHOICES[name]}
            text += f" (default: {default}{f'; with sgd {settings.SGD[name]}' if name in settings.SGD else ''})"
            group.add_argument(f"--{name.replace('_', '-')}", help=text, **kind)
