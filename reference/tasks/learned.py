"""What can be learned: where its examples come from, and how what is said is judged."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from reference.core.settings import Settings
from reference.core.words import many


class Learned(Settings):
    """A subclass says what it draws, by settings of its own, among them how many sequences."""

    title: ClassVar[str]                     # what a model learns: "to say a sequence again"
    texts: ClassVar[Mapping[str, str]] = {}  # of its own fields, for the help
    usual: ClassVar[Mapping[str, Any]] = {}  # entries with which it is learned, where they are not the defaults
    families: ClassVar[tuple[str, ...]] = ("encoder-decoder", "decoder-only", "encoder-only")  # of models that can
    follow: ClassVar[tuple[str, ...]] = ()   # names of fields that are read off files, and never given
    goes_on: ClassVar[bool] = False          # whether it is to go on with a text, where no answer is the right one

    @classmethod
    def usual_of(cls, entries: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the entries that are usual beside those that are given."""
        return cls.usual

    @classmethod
    def settled(cls, entries: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the entries with those that are read off files, which is done unless they are there."""
        return entries

    @property
    def training(self) -> int:
        """How many sequences there are to train on."""
        raise NotImplementedError

    @property
    def held_out(self) -> int:
        """How many sequences there are to judge by, none of which occurs in training."""
        raise NotImplementedError

    @property
    def tokens(self) -> int:
        """How many token ids a model reads, the start token among them."""
        raise NotImplementedError

    @property
    def choices(self) -> int:
        """Among how many ids a guess is made."""
        return self.tokens - 1

    @property
    def sizes(self) -> tuple[int, int]:
        """The lengths S and T of a source and of an answer."""
        raise NotImplementedError

    def steps_of(self, batch: int, epochs: int) -> int:
        """Return how many steps one of so many epochs has."""
        return math.ceil(self.training / batch)

    def draw(self, rng: np.random.Generator) -> tuple[Any, Any]:
        """Return the examples to train on and those held out."""
        raise NotImplementedError

    def asked(self, words: Sequence[str]) -> Any:
        """Return the example of a source that a person wrote, word by word, with its answer where that is known.

        Raises:
            ValueError: the words are no source.
        """
        raise NotImplementedError

    def right(self, examples: Any, said: np.ndarray) -> np.ndarray:
        """Return (N, T), which of the tokens said (N, T) are right; those that are not asked for are."""
        wrong = said != examples.labels
        return ~wrong if examples.asked is None else ~(wrong & examples.asked)

    @property
    def about(self) -> str:
        """What there is to read and to say, in words."""
        read, said = self.sizes
        return (
            f"{many(read, 'token')} to read and {said:,} to say, {many(self.training, 'sequence')} to train on, "
            f"{self.held_out:,} held out"
        )

    @property
    def judges(self) -> str:
        """By what it is judged, in words."""
        return f"{many(self.held_out, 'sequence')} kept out of training"

    def name_of(self, token: int) -> str:
        """Return what a person reads for a token."""
        return str(token)

    def source_text(self, ids: np.ndarray) -> str:
        """Return what a person reads for a source (S,)."""
        return " ".join(self.name_of(int(token)) for token in ids)

    def said_text(self, ids: np.ndarray) -> str:
        """Return what a person reads for what is said (T,)."""
        return self.source_text(ids)
