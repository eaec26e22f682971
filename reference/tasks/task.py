"""What a task is: sequences to read, what must be said to each, and how what is said is judged.

A task is one file in this room, with one subclass of `Learned`, which most often is one of `Task`, and a title;
`find` finds it by being there.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Self

import numpy as np

from reference import tasks
from reference.core.kinds import Size
from reference.core.settings import expect_known, written
from reference.tasks.learned import Learned

START = 0  # the token before the first that is said, in all tasks


class Accuracy(NamedTuple):
    """Shares between 0 and 1: of the tokens, and of the sequences without any wrong token."""

    tokens: float
    sequences: float


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Sequences to read, `source` (N, S), and what must be said, `labels` (N, T)."""

    source: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: slice | np.ndarray) -> Self:
        names = (field.name for field in dataclasses.fields(self))
        return type(self)(**{name: getattr(self, name)[rows] for name in names})

    def order(self, rng: np.random.Generator, most: int) -> np.ndarray:
        """Return the rows of an epoch in the order in which they are read: `most`, or all if there are fewer."""
        return rng.permutation(len(self))[:most]

    @property
    def seen(self) -> np.ndarray | None:
        """Where a source has a symbol (N, S); None where it has one everywhere."""
        return None

    @property
    def asked(self) -> np.ndarray | None:
        """Where a label is asked for (N, T); None where all are."""
        return None

    @property
    def count(self) -> int:
        """How many labels are asked for."""
        return self.labels.size if self.asked is None else int(self.asked.sum())

    @property
    def target(self) -> np.ndarray:
        """What a decoder reads (N, T): the labels, one position later, after the start token."""
        start = np.full((len(self), 1), START)
        return np.concatenate([start, self.labels[:, :-1]], axis=1)

    def shuffled(self, rng: np.random.Generator) -> Self:
        """Return the same sources with the labels of others: a control, nothing can be learnt from it."""
        return dataclasses.replace(self, labels=rng.permutation(self.labels))


class Task(Learned):
    """A subclass says what its sources are, and the answer to each."""

    training: Size = 1000  # sequences to train on
    held_out: Size = 1000  # sequences to judge by, none of which occurs in training

    any_length: ClassVar[bool] = False  # whether shorter sources have answers too

    @property
    def possible(self) -> int:
        """How many sources there are; where there are more than any run can want, a smaller number that is too."""
        raise NotImplementedError

    def sources(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw sources (count, S), of which some may be equal."""
        raise NotImplementedError

    def answers(self, source: np.ndarray) -> np.ndarray:
        """Map sources (N, S) to what must be said (N, T)."""
        raise NotImplementedError

    def expect(self) -> None:
        if (wanted := self.training + self.held_out) > self.possible:
            raise ValueError(
                f"{type(self).__name__}: training and held-out must add up to at most {self.possible:,}, "
                f"as many sequences as there are, got {wanted:,}"
            )

    def draw(self, rng: np.random.Generator) -> tuple[Examples, Examples]:
        """Return the examples to train on and those held out; no source occurs twice in the two."""
        wanted = self.training + self.held_out
        rows = np.empty((0, self.sizes[0]), np.int64)
        while len(rows) < wanted:
            rows = np.concatenate([rows, self.sources(rng, wanted)])
            whole = rows.view(np.dtype((np.void, rows.strides[0])))[:, 0]  # each as one: np.unique has no slow axis
            _, first = np.unique(whole, return_index=True)
            rows = rows[np.sort(first)]
        drawn = Examples(rows[:wanted], self.answers(rows[:wanted]))
        return drawn[: self.training], drawn[self.training :]

    def asked(self, words: Sequence[str]) -> Examples:
        source = self.read(words)[None]
        return Examples(source, self.answers(source))

    def read(self, words: Sequence[str]) -> np.ndarray:
        """Return the source (S,) that a person wrote, token by token.

        Raises:
            ValueError: there are fewer or more than a source has, or a word names no token.
        """
        least, most = (1 if self.any_length else self.sizes[0]), self.sizes[0]
        if not least <= len(words) <= most:
            wanted = f"{least} to {most}" if self.any_length else f"{most}"
            raise ValueError(f"a sequence must have {wanted} symbols, got {len(words)}")
        known = {self.name_of(token): token for token in range(1, self.tokens)}
        for word in words:
            if word not in known:
                first, *_, last = known
                raise ValueError(f"a symbol must be one of {first} to {last}, got {word[:20]!r}")
        return np.array([known[word] for word in words])


def every() -> dict[str, type[Learned]]:
    """Return all tasks by their names, each that of its file."""
    found: dict[str, type[Learned]] = {}
    for info in pkgutil.iter_modules(tasks.__path__, f"{tasks.__name__}."):
        for kind in vars(importlib.import_module(info.name)).values():
            own = isinstance(kind, type) and issubclass(kind, Learned) and kind.__module__ == info.name
            if own and hasattr(kind, "title"):
                found[written(info.name.rpartition(".")[2])] = kind
    return dict(sorted(found.items()))


def find(name: str) -> type[Learned]:
    """Return the task of this name.

    Raises:
        ValueError: there is none; the message gives the nearest.
    """
    expect_known("task", [name], every(), "a task")
    return every()[name]
