"""What is the same for all comparisons at one place, and what these have shown of its noise."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from gradcheck.claims.claim import Claim
from gradcheck.numeric import noise
from gradcheck.numeric.constants import NARROW
from gradcheck.numeric.ladder import Sweep
from gradcheck.numeric.reading import Place
from gradcheck.precision.formats import FEW_BITS, LOW
from gradcheck.subjects.problem import Problem

Kind = tuple[int | None, bool]  # an array, and whether all of it moves


@dataclasses.dataclass(frozen=True)
class Ground:
    """A place, the claims there, and how numbers are measured."""

    problem: Problem
    place: Place
    claim: Claim
    exact: bool  # whether the complex step may be tried
    mapper: Callable
    measures_noise: bool = True  # not at a kink or a tie, where the difference table shows no noise but the kink
    rounding: float = 0.0  # what roundings make of y
    narrow: float = 0.0  # roundoff of the outputs' own dtype, where this is narrower than float64

    @property
    def has_few_bits(self) -> bool:
        """Whether all that the subject computes is so coarse that one entry tells little."""
        return self.claim.u >= FEW_BITS


@dataclasses.dataclass(frozen=True)
class Known:
    """Noise, as far as it has been measured."""

    levels: Mapping[int | None, float] = dataclasses.field(default_factory=dict)  # of f, in units of its rounding
    exact: Mapping[Kind, np.ndarray] = dataclasses.field(default_factory=dict)  # (G,)  of the complex step
    grain: np.ndarray | None = None  # (m,)  of outputs coarser than their own size; None: nobody has looked
    seeks_hidden: bool = True  # whether nobody has looked for such a grain under something finer
    smooth: bool = False  # whether it was seen, along some direction, that f moves in no steps
    jumps: Mapping[int | None, np.ndarray] = dataclasses.field(default_factory=dict)  # (G,)  steps of a format
    common: Mapping[int | None, np.ndarray] = dataclasses.field(default_factory=dict)  # (G,)  of a mean, or 0
    seeks_lost: bool = True  # whether nobody has looked for what outputs lose beside a wider format
    grids: frozenset[int | None] = frozenset()  # arrays along which f moves in fine steps of its own
    integrated: frozenset[int | None] = frozenset()  # arrays of which f was held against the integral of its claims
    loses: bool = True  # whether sums of f may lose a term altogether; False: none was seen to
    left_open: float | None = None  # the slope of what a loop of f leaves open; None: nobody has looked

    def level(self, leaf: int | None) -> float:
        """Return the noise of f where an array moves, or (None) all do; where nobody has looked the largest there is.

        What is computed narrowly of one array may be exact in another: each has its own.
        """
        return self.levels.get(leaf, self.largest)

    @property
    def largest(self) -> float:
        """Return the largest noise of f that was met."""
        return max(self.levels.values(), default=0.0)

    def elsewhere(self) -> "Known":
        """Return what is known at another place, of whose outputs nobody knows how coarse they are."""
        return dataclasses.replace(self, grain=None, seeks_hidden=True, seeks_lost=True)

    def with_level(self, leaf: int | None, level: float) -> "Known":
        return dataclasses.replace(self, levels={**self.levels, leaf: max(level, self.levels.get(leaf, 0.0))})

    def with_noise(self, leaf: int | None, noise: np.ndarray | None) -> "Known":
        """Return what is known with the noise of f for each cotangent (G,), if it was measured."""
        return self if noise is None else self.with_level(leaf, float(noise.max()))

    def with_jumps(self, leaf: int, jump: np.ndarray) -> "Known":
        return dataclasses.replace(self, jumps={**self.jumps, leaf: np.maximum(jump, self.jumps.get(leaf, 0.0))})

    def has_common(self, leaf: int | None) -> bool:
        """Whether steps were met where all entries of an array move to one side."""
        return bool(np.any(self.common.get(leaf, 0)))

    def step(self, leaf: int | None) -> np.ndarray | None:
        """Return the largest step (G,) that was met in an array, or None."""
        met = [steps[leaf] for steps in (self.jumps, self.common) if leaf in steps]
        return np.max(met, axis=0) if met else None

    @property
    def loosely(self) -> dict[Kind, np.ndarray]:
        """Return the noise of the complex step for any cotangents, one number for each kind."""
        return {kind: np.max(noise, keepdims=True) for kind, noise in self.exact.items()}


def coarseness(ground: Ground, known: Known, leaf: int | None) -> float:
    """Return the roundoff of the subject in one array: of its format, as measured inside, or as declared.

    Along one direction an array may by chance show few of a format's roundings: all that go through it have as many.
    """
    level = known.level(leaf)
    level = level if level <= LOW else known.largest
    return max(ground.claim.u, min(level, NARROW), ground.problem.declared.noise)


def noise_of(ground: Ground, sweep: Sweep, level: float) -> np.ndarray:
    """Return a bound (L, G) for the error of one value of <g, f>: its rounding, or as measured, or declared."""
    u = max(ground.claim.u, ground.problem.declared.noise)
    return noise.bound(sweep, np.full(sweep.weight.shape[1], level), u)
