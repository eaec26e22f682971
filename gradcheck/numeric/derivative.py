"""The measured derivative of any function: with its own error bar, and no step to choose."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.numeric import complexstep
from gradcheck.numeric.constants import U
from gradcheck.numeric.forms import array_of, shaped
from gradcheck.numeric.grain import grain, may_be_coarse
from gradcheck.numeric.holomorphic import as_pairs, is_complex, is_holomorphic, joined, stacked
from gradcheck.numeric.look import Vectors, glance, look, natural
from gradcheck.numeric.plain import Plain
from gradcheck.numeric.probe import Along, Probe
from gradcheck.numeric.sharpen import exact, sharpened
from gradcheck.numeric.slopes import Slopes, Spot
from gradcheck.subjects import trees
from gradcheck.subjects.problem import COST


@dataclasses.dataclass(frozen=True)
class Derivative:
    """A derivative as it was measured; `value`, `bar`, `right` and `left` are of one structure."""

    value: Any  # at a kink the mean of both sides, nan at a jump and where nothing is resolved
    bar: Any  # above the error of value, right and left; inf where nothing is resolved
    right: Any  # the one-sided derivatives: of a kink, elsewhere value
    left: Any
    smoothness: str  # "smooth", "kink", "jump" or "not resolved"; of several numbers the last of these that occurs
    digits: float | None  # of the largest bar beside the root mean square of value; None: no number is above its bar
    evaluations: int  # in plain calls of f; one with complex numbers counts 4
    method: str  # "complex step" or "real differences"
    noise: float  # the largest standard deviation of f that was met or assumed, as a part of its value


def derivative(f: Callable[[Any], Any], x: Any, direction: Any = None) -> Derivative:
    """Return the derivative of f at x along a direction, with a bar for its error: what a check compares with.

    It is measured by real differences, and by the complex step where f takes complex numbers and real differences
    confirm them.  All is computed in float64: x is widened, and where f computes in a narrower format inside that is
    found as noise.  Of f's outputs each has its own bar.

    Of a complex number or array x the derivative of a holomorphic f is f'(x) times the direction, with bars for its
    distance in the complex plane; of another f it is the one along the direction, and `smoothness` "not holomorphic".

    Args:
        f: a function of one argument, called with new float64 arrays (a number where x has one), whose output is a
            real number, a floating array, or a tree of them.
        x: a real number, a floating array, or a tree of them: tuples, lists, dictionaries, dataclasses.  Whole numbers
            in a tree are constants, as are the numbers that an object has as attributes.
        direction: like x; 1 where x has one entry and none is given.  It need not have length 1: twice the direction
            has twice the derivative.

    Raises:
        TypeError: f is not callable, x or a direction holds nothing real, or f(x) does not.
        ValueError: a direction is not like x or missing, or x, a direction or f(x) is not finite.

    >>> import gradcheck, math
    >>> found = gradcheck.derivative(math.sin, 1.0)
    >>> found.smoothness, abs(found.value - math.cos(1.0)) <= found.bar < 1e-9
    ('smooth', True)
    >>> kink = gradcheck.derivative(abs, 0.0)
    >>> kink.smoothness, round(kink.left, 6), round(kink.right, 6)
    ('kink', -1.0, 1.0)
    """
    if is_complex(x):
        return _of_complex(f, x, direction)
    plain = Plain(f, x, "derivative")
    vectors = plain.vectors(direction)
    probe = Along(None, vectors=vectors, unit=natural(plain.point, vectors))
    y, spot, slopes = at(plain, probe)
    return measured(plain, [along(plain, spot, vectors, slopes)], lambda column: shaped(y, column[:, 0]))


def _of_complex(f: Callable[[Any], Any], z: Any, direction: Any) -> Derivative:
    if not callable(f):
        raise TypeError(f"gradcheck.derivative: f must be callable, got {type(f).__name__}")
    for path, kind in trees.disguised(z, "x"):
        raise TypeError(f"gradcheck.derivative: {path} must be a plain array, got {kind}")
    if direction is None and np.size(z) != 1:
        raise ValueError(f"gradcheck.derivative: direction must be given for x of {np.size(z)} entries, got None")
    name = "gradcheck.derivative: direction"
    d = np.ones_like(z) if direction is None else array_of(name, direction, "fciu", "real or complex")
    if d.shape != np.shape(z):
        raise ValueError(f"{name} must have the shape of x, {np.shape(z)}, got {d.shape}")
    pairs = as_pairs(f)
    ahead, aside = (derivative(pairs, stacked(z), stacked(way)) for way in (d, 1j * d))
    smoothness = ahead.smoothness if ahead.smoothness != "smooth" else aside.smoothness
    if smoothness == "smooth" and not is_holomorphic(ahead.value, aside.value, ahead.bar[::-1] + aside.bar):
        smoothness = "not holomorphic"
    bar = np.hypot(*ahead.bar)
    return dataclasses.replace(
        ahead,
        value=joined(ahead.value),
        bar=float(bar) if not np.ndim(bar) else bar,
        right=joined(ahead.right),
        left=joined(ahead.left),
        smoothness=smoothness,
        evaluations=ahead.evaluations + aside.evaluations,
    )


@dataclasses.dataclass(frozen=True)
class Column:
    """The slopes of every output along one direction, the noise of f (m,), and how they were found."""

    slopes: Slopes
    level: np.ndarray
    exact: bool


def at(plain: Plain, probe: Probe) -> tuple[Any, Spot, np.ndarray]:
    """Return f(x), what is known of it, and the complex step's slopes (m,) along a probe, with which it was tried."""
    y, flat, roundoff = plain.first()
    coarse = np.zeros(len(flat))
    if may_be_coarse(flat, U):
        coarse = np.where(roundoff > U, 0, grain(plain, plain.point, flat, U, np.random.default_rng(0)))
    refused, slopes = complexstep.tried(plain, plain.point, flat, probe)
    return y, Spot(plain.point, flat, roundoff, coarse, refused is None), slopes


def along(plain: Plain, spot: Spot, vectors: Vectors, slopes: np.ndarray | None = None) -> Column:
    """Return the slopes along a direction, from real differences and, where these confirm it, the complex step.

    Its own (m,) may have been taken.
    """
    with np.errstate(all="ignore"):  # where numbers end what overflows is not resolved
        return _along(plain, spot, vectors, slopes)


def _along(plain: Plain, spot: Spot, vectors: Vectors, slopes: np.ndarray | None) -> Column:
    seen = glance(plain, spot, vectors)
    step = exact(plain, spot, seen.probe, slopes) if spot.exact else None
    if step is not None and not seen.slopes.doubt.any():
        sharp = sharpened(seen.slopes, step, spot, seen.probe)
        if sharp is not None:  # two ways agree within their roundings: there is no noise to look for
            return Column(sharp, spot.roundoff, True)
    found, level = look(plain, spot, seen)
    sharp = None if step is None else sharpened(found, step, spot, seen.probe)
    return Column(found if sharp is None else sharp, np.maximum(level, U), sharp is not None)


def measured(plain: Plain, columns: list[Column], laid: Callable[[np.ndarray], Any]) -> Derivative:
    """Return what was measured along some directions; `laid` gives numbers (m, n) their structure."""
    value, bar, right, left, kink, jump = (
        np.stack([getattr(c.slopes, name) for c in columns], axis=1)
        for name in ("value", "bar", "right", "left", "kink", "jump")
    )
    kinds = {"not resolved": ~(np.isfinite(bar) | jump | kink), "jump": jump, "kink": kink}
    return Derivative(
        laid(value),
        laid(bar),
        laid(right),
        laid(left),
        next((kind for kind, where in kinds.items() if where.any()), "smooth"),
        digits(value, bar),
        sum(COST[kind] * times for kind, times in plain.count.items()),
        "complex step" if all(c.exact for c in columns) else "real differences",
        max(float(c.level.max()) for c in columns),
    )


def digits(value: np.ndarray, bar: np.ndarray) -> float | None:
    """Return the decimal digits (numerics.l), or None where everything lies within its bar of zero."""
    if not np.isfinite(bar).all() or (np.abs(value) <= bar).all():
        return None
    largest = float(np.abs(value).max())
    with np.errstate(all="ignore"):
        part = float(bar.max() / largest / np.sqrt(np.mean(np.square(value / largest))))
    return float(-np.log10(max(part, 1e-17)))
