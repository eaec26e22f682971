"""A direction to step along, small enough to be sent to another process."""

import dataclasses
import functools

import numpy as np

from gradcheck.numeric.constants import SMALL
from gradcheck.numeric.scales import entry_scales, is_offset, scales
from gradcheck.subjects.problem import Arrays


@dataclasses.dataclass(frozen=True)
class Probe:
    """A direction in the space of all arrays, small enough to be sent to another process.

    Either one `coordinate` of an array moves, or the entries `start:stop` do but for those that are
    `held`, each by a random amount that `seed` determines.
    """

    leaf: int | None  # None: all arrays move together
    coordinate: int | None = None
    seed: int = 0
    start: int = 0
    stop: int | None = None
    own_scale: bool = False  # step by the size of this very entry, not of its array
    by_value: bool = False  # entries that are equal move alike
    one_sided: bool = False  # all entries grow: a mean of many hardly moves where signs were drawn
    held: tuple[int, ...] = ()  # entries that stay where they are, as those at a kink
    without: tuple[int, ...] = ()  # arrays that stay where they are while all others move together

    @property
    def array(self) -> int:
        """The one array that moves."""
        if self.leaf is None:
            raise ValueError("Probe: one array must move, got all of them")
        return self.leaf

    def moves(self, leaf: int) -> bool:
        """Whether entries of this array move."""
        return self.leaf == leaf or (self.leaf is None and leaf not in self.without)

    def length(self, size: int) -> int:
        """Return how many entries of an array of this size may move."""
        return 1 if self.coordinate is not None else (size if self.stop is None else self.stop) - self.start

    def direction(self, point: Arrays) -> dict[int, np.ndarray]:
        """Return the direction for each array that moves; a step of 1 is about as long as the array."""
        if self.coordinate is not None:
            return {self.array: _unit(point[self.array], self.coordinate, self.own_scale)}
        return {i: self._dense(x, i) for i, x in enumerate(point) if self.moves(i)}

    def _dense(self, x: np.ndarray, i: int) -> np.ndarray:
        pattern = _pattern(self.seed, i, x.size) if x.size <= SMALL else _drawn(self.seed, i, x.size)
        if self.one_sided:
            pattern = np.abs(pattern)
        if self.by_value:
            pattern = pattern[np.unique(x, return_inverse=True)[1].ravel()]
        if self.start or self.stop is not None:
            whole, pattern = pattern, np.zeros(x.size)
            pattern[self.start : self.stop] = whole[self.start : self.stop]
        if self.held:
            pattern = pattern.copy()
            pattern[list(self.held)] = 0
        return (pattern * entry_scales(x.ravel())).reshape(x.shape)


def _drawn(seed: int, leaf: int, size: int) -> np.ndarray:
    rng = np.random.default_rng([seed, leaf])
    entries = rng.integers(32, 97, size) / 64  # six bits, in [0.5, 1.5]
    pattern = np.where(rng.integers(0, 2, size) == 1, entries, -entries)
    pattern.flags.writeable = False
    return pattern


_pattern = functools.lru_cache(maxsize=512)(_drawn)  # a direction is asked for a dozen times


def _unit(x: np.ndarray, coordinate: int, own_scale: bool) -> np.ndarray:
    d, s = np.zeros(x.size), scales(x).flat[coordinate]
    entry = abs(float(x.flat[coordinate]))
    d[coordinate] = 2.0 ** np.round(np.log2(entry)) if own_scale and entry and not is_offset(x) else s
    return d.reshape(x.shape)


@dataclasses.dataclass(frozen=True)
class Along(Probe):
    """A direction that was given, of every array (those that move not at all are None), `unit` times as long."""

    vectors: tuple[np.ndarray | None, ...] = ()
    unit: float = 1.0

    def direction(self, point: Arrays) -> dict[int, np.ndarray]:
        return {i: self.unit * v for i, v in enumerate(self.vectors) if v is not None}
