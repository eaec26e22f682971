"""Text: go on with it, token by token, having read files of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np

from reference.core.kinds import AboveZero, Count, Size
from reference.core.shapes import MOST, expect_whole
from reference.core.words import many
from reference.data.corpus import Corpus, is_prepared
from reference.data.errors import DataError
from reference.data.line import read
from reference.data.tokenizer import Bytes, Tokenizer, shown
from reference.tasks.learned import Learned
from reference.tasks.passages import Anywhere, Spread

STEPS = 500  # of the run, for each block
Depth: TypeAlias = Annotated[int, lambda where, name, value: expect_whole(where, name, value, 1, MOST // STEPS)]


class Text(Learned):
    """Files, or one folder of `prepare`; without any the derivations of the package."""

    files: tuple[str, ...] = ()
    tokenizer: str = "bytes"
    vocabulary: Size = 2048
    depth: Depth = 4
    context: Size = 64
    steps: Size = 2000
    held_out: Size = 400
    line: str = Bytes.line          # of the tokenizer
    digest: str = ""                # of the text
    training: Count = 1             # tokens to train on
    passages: Count = 1             # that are held out
    bytes_a_token: AboveZero = 1.0  # of what is held out

    title: ClassVar = "to go on with a text"
    texts: ClassVar = {
        "tokenizer": "of a text: bytes, characters, byte-pairs trained on it, or the path of a tokenizer.json",
        "vocabulary": "tokens of byte-pairs that are trained",
        "depth": "blocks, from which width, heads, context, batch, steps and rates follow unless they are given",
        "context": "tokens that the model sees at once",
        "steps": "of the whole run, filled up to whole epochs",
        "held-out": "passages to judge by, at equal distances in the last tenth of each file; all if there are fewer",
    }
    families: ClassVar = ("decoder-only",)
    follow: ClassVar = ("line", "digest", "training", "passages", "bytes-a-token")
    goes_on: ClassVar = True

    @classmethod
    def usual_of(cls, entries: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what follows from the depth: tokens to read grow as the parameters do, with its cube."""
        depth = entries.get("depth", cls.depth)
        if type(depth) is not int or depth < 1:
            return {}  # which is said when the depth is looked at
        steps = entries.get("steps", STEPS * depth)
        steps = steps if type(steps) is int and steps > 0 else 1
        return {
            "layers": depth, "width": 32 * depth, "heads": depth, "context": 16 * depth, "batch": 3 * depth,
            "steps": STEPS * depth, "epochs": min(10, steps), "optimizer": "adamw", "schedule": "cosine",
            "rate": 8e-3 / depth, "end-rate": 4e-4 / depth, "warmup": steps // 20, "beta2": 0.99,
        }  # fmt: skip

    @classmethod
    def settled(cls, entries: Mapping[str, Any]) -> Mapping[str, Any]:
        if "digest" in entries:
            return entries
        own = cls.of({name: value for name, value in entries.items() if name in cls.names()})
        if is_prepared(own.files) and "tokenizer" in entries:
            raise DataError(f"tokenizer must be left out for {own.files[0]}, which has its own, got {own.tokenizer}")
        corpus = Corpus.of(own.files, own.tokenizer, own.vocabulary)
        training, held_out = corpus.training, corpus.held_out
        for name, tokens in (("to train on", training), ("held out", held_out)):
            if len(tokens.ids) <= own.context:
                there = f"{many(len(tokens.ids), 'token')} {name}"
                raise DataError(f"context must be shorter than the text: {there}, got {own.context:,}")
        return {
            **entries, "line": corpus.tokenizer.line, "digest": corpus.digest, "training": len(training.ids),
            "passages": len(own.spread(held_out.ids)), "bytes-a-token": held_out.size / len(held_out.ids),
        }  # fmt: skip

    @property
    def encoder(self) -> Tokenizer:
        """What maps text to ids and back."""
        return read(self.line)

    @property
    def tokens(self) -> int:
        return self.encoder.vocabulary

    @property
    def choices(self) -> int:
        return self.tokens

    @property
    def sizes(self) -> tuple[int, int]:
        return 0, self.context

    @property
    def about(self) -> str:
        passages = f"{many(self.passages, 'passage')} of {self.context:,}"
        return f"{many(self.training, 'token')} to train on, {passages} held out"

    @property
    def judges(self) -> str:
        return f"{many(self.passages, 'passage')} kept out of training"

    def name_of(self, token: int) -> str:
        return shown(self.encoder.decode([token]))

    def steps_of(self, batch: int, epochs: int) -> int:
        return math.ceil(self.steps / epochs)

    def corpus(self) -> Corpus:
        """Return the text of the run.

        Raises:
            DataError: there is another text in its place now, or none.
        """
        corpus = Corpus.of(self.files, self.tokenizer, self.vocabulary, self.line)
        if corpus.digest != self.digest:
            where = ", ".join(self.files) or "the derivations"
            raise DataError(f"{where}: must be the text of the run, {self.digest}, got {corpus.digest}")
        return corpus

    def draw(self, rng: np.random.Generator) -> tuple[Anywhere, Spread]:
        """Return passages that begin anywhere in the text to train on, and some of what is held out."""
        corpus = self.corpus()
        return Anywhere(corpus.training.ids, self.context), self.spread(corpus.held_out.ids)

    def spread(self, ids: np.ndarray) -> Spread:
        """Return the passages to judge by, of a text (L,) that is held out."""
        return Spread(Anywhere(ids, self.context), self.held_out)

    def bits_a_byte(self, loss: float) -> float:
        """Return the loss of a token, in nats, as that of a byte of the text, in bits."""
        return loss / self.bytes_a_token / math.log(2)

    def asked(self, words: Sequence[str]) -> Any:
        raise ValueError("a model of text must have a --prompt to go on with, got symbols")
