"""What a run is: every choice that its bits depend on."""

import dataclasses
import math
from typing import Any, Self

from reference.job.tasks import copy

CHOICES = {
    "norm": ("pre", "post"),
    "embeddings": ("separate", "tied"),
    "optimizer": ("adam", "adamw", "muon", "sgd"),
    "schedule": ("constant", "cosine", "linear"),
}
MOST = 10**8  # of anything: what is larger has no place in memory, or in an index
SGD = {"epochs": 60, "rate": 5e-3, "end_rate": 1e-3}  # the defaults that differ from Adam's


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The copy task, a model, and how it is trained.

    Raises:
        ValueError: a number is out of range, two do not fit together, or a word is unknown.
    """

    seed: int = 0
    vocabulary: int = 3   # symbols; the start token comes on top
    length: int = 8
    training: int = 1000  # sequences
    held_out: int = 1000  # sequences, none of which occurs in training
    width: int = 64
    heads: int = 4
    hidden: int = 128
    layers: int = 1       # of the encoder, and of the decoder
    norm: str = "pre"
    embeddings: str = "separate"
    batch: int = 16
    epochs: int = 10
    optimizer: str = "adam"
    schedule: str = "linear"
    rate: float = 2e-3    # of a schedule that falls, the first
    end_rate: float = 1e-5  # so small that no step near the end undoes what was learned

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Return the defaults of the optimizer with `given` on top."""
        usual = SGD if given.get("optimizer") == "sgd" else {}
        settings = cls(**{**usual, **given})
        if "end_rate" in given and settings.schedule == "constant":
            raise ValueError("end-rate must come with schedule cosine or linear, got schedule constant")
        return settings

    def __post_init__(self) -> None:
        _expect_whole("seed", self.seed, 0)
        for name in ("vocabulary", "length", "training", "held_out", "width", "heads", "hidden", "layers",
                     "batch", "epochs"):
            _expect_whole(name, getattr(self, name), 1, MOST)
        for name, words in CHOICES.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} must be {' or '.join(words)}, got {getattr(self, name)!r}")
        for name in ("rate", "end_rate"):
            _expect_rate(name, getattr(self, name))
        if self.width % self.heads:
            raise ValueError(f"heads must divide the width {self.width}, got {self.heads}")
        copy.expect_enough(self.vocabulary, self.length, self.training + self.held_out)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.training / self.batch)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch


def _expect_whole(name: str, value: Any, least: int, most: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name.replace('_', '-')} must be a whole number of at least {least}, got {value!r}")
    if value > most:
        raise ValueError(f"{name.replace('_', '-')} must be a whole number of at most {most:,}, got {value:,}")


def _expect_rate(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{name.replace('_', '-')} must be a positive number, got {value!r}")
