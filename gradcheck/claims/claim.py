"""The gradient under check, and how much rounding it carries itself."""

import dataclasses
import functools

import numpy as np

from gradcheck.numeric.constants import U
from gradcheck.numeric.ladder import smallest_exact
from gradcheck.numeric.points import jittered
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.scales import inner, root_sum_square
from gradcheck.subjects.problem import Arrays, Problem

ROUNDINGS = 16  # of a number, which a bar of a claim allows for beside those that were measured
ZERO = 1e-4  # of the largest derivative: below it an array may be zero but for rounding, which jitter shows


@dataclasses.dataclass(frozen=True)
class Claim:
    """For G cotangents the gradient of each array (G, *shape), and the same a few roundings away."""

    values: list[np.ndarray]
    nearby: list[list[np.ndarray]]
    u: float  # unit roundoff of the format in which the subject computes
    noise: float = 0.0  # what the user declared, as a part of every number
    jump: float = 0.0  # the square of the part of a derivative above which no rounding changes it
    _deviations: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def is_finite(self) -> bool:
        return all(bool(np.isfinite(x).all()) for x in self.values)

    def along(self, direction: dict[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return <B(g), d> (G,), a bar for its rounding (G,), and what of that was measured, a quarter of it (G,).

        And the root of the sum of squares of its terms (G,): what it would be on average, were the signs of d others.
        """
        claimed, parts = np.zeros(len(self.values[0])), [np.zeros((len(self.values[0]), 0))]
        spread = [np.zeros(len(claimed)) for _ in self.nearby]
        for i, d in direction.items():
            moving = np.flatnonzero(d)
            part = slice(moving[0], moving[-1] + 1) if moving.size else slice(0)  # nan times 0 is not 0
            rows, steps = _rows(self.values[i])[:, part], d.ravel()[part]
            claimed = claimed + inner(rows, steps)
            parts.append(rows * steps)
            for k, near in enumerate(self.nearby):
                with np.errstate(invalid="ignore"):  # an infinite claim is a finding of its own
                    spread[k] = spread[k] + inner(_change(_rows(near[i])[:, part], rows), steps)
        size = root_sum_square(np.concatenate(parts, axis=1), axis=1)
        noise = np.max(np.abs(spread), axis=0) if spread else np.zeros(np.shape(size))
        noise = without_jumps(noise, float(np.max(size, initial=0)), self.largest, self.jump or self.u)
        return claimed, (ROUNDINGS * self.u + 4 * self.noise) * size + 4 * noise, noise, size

    def lost(self, point: Arrays, probe: Probe, steps: np.ndarray) -> np.ndarray:
        """Return a bound (L, G) for what the roundings of x + h d, where it is rounded, make of one value of <g, f>."""
        direction = probe.direction(point)
        inexact = steps < smallest_exact(point, direction)
        if not inexact.any():
            return np.zeros(steps.shape)
        parts = []
        with np.errstate(all="ignore"):
            for i, d in direction.items():
                parts.append(_rows(np.where(d != 0, self.values[i] * point[i], 0)))
        size = root_sum_square(np.concatenate(parts, axis=1), axis=1)
        return np.where(inexact & np.isfinite(size), 4 * U * size, 0.0)

    def entry(self, leaf: int, coordinate: int, unit: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivative for a step of `unit` at one entry (G,) and a bar for its rounding (G,).

        Three repetitions may by chance agree to the last bit at one entry; the median over the
        array's entries is a floor for the bar.
        """
        rows = _rows(self.values[leaf])
        deviations = self.deviation(leaf)
        own = deviations[:, coordinate]
        value = rows[:, coordinate]
        scatter = np.maximum(own, np.median(deviations, axis=1))
        return value * unit, ((ROUNDINGS * self.u + 4 * self.noise) * np.abs(value) + 4 * scatter) * unit

    def deviation(self, leaf: int) -> np.ndarray:
        """Return the largest change of each entry (G, n) among the repetitions."""
        if leaf not in self._deviations:
            rows = _rows(self.values[leaf])
            with np.errstate(invalid="ignore"):  # as above
                changes = [np.abs(_change(_rows(near[leaf]), rows)) for near in self.nearby]
            found = np.max(changes, axis=0) if changes else np.zeros_like(rows)
            size, jump = float(np.abs(rows).max(initial=0)), self.jump or self.u
            self._deviations[leaf] = without_jumps(found, size, self.largest, jump)
        return self._deviations[leaf]

    @functools.cached_property
    def largest(self) -> float:
        return max(float(np.abs(value).max(initial=0)) for value in self.values)


def _rows(values: np.ndarray) -> np.ndarray:
    """Return an array of every cotangent (G, ...) as rows (G, n)."""
    return values.reshape(len(values), values[0].size)


def _change(near: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return what a few roundings change, but nothing where they leave the domain."""
    return np.where(np.isnan(near), 0, near - rows)


def without_jumps(noise: np.ndarray, size: float, largest: float, u: float) -> np.ndarray:
    """Return the noise, but 0 where it is a change that no rounding makes.

    At a kink or a tie a change of the point by one rounding may change sides.  `size` is the largest
    derivative of the array, `largest` that of all arrays (one array may be zero but for rounding).
    """
    return np.where(noise > np.sqrt(u) * max(size, ZERO * largest), 0.0, noise)


def claim_at(problem: Problem, point: Arrays, g: np.ndarray, u: float, jitters: int, rng: np.random.Generator) -> Claim:
    """Return the gradient at a point for every cotangent, and `jitters` repetitions a few roundings away."""
    with np.errstate(all="ignore"):
        values = problem.gradients(point, g)
        nearby = [attempted(problem, jittered(point, rng, u), jittered([g], rng, u)[0]) for _ in range(jitters)]
    declared = problem.declared
    return Claim(values, nearby, u, declared.noise, 1.0 if declared.nondeterministic else u)


def attempted(problem: Problem, point: Arrays, g: np.ndarray) -> list[np.ndarray]:
    """Return the gradients at a point that may lie outside the domain: an error there is not a number."""
    try:
        return problem.gradients(point, g)
    except Exception:  # whatever the user's code raises when a few roundings take it out of its domain
        return [np.full((len(g), *leaf.value.shape), np.nan) for leaf in problem.leaves]
