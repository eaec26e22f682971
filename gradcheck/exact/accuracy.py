"""What floats lose of a gradient: each entry beside its enclosure, in units in the last place (ulp)."""

import dataclasses
from typing import Any

import flint
import numpy as np
from flint import arb

from gradcheck.exact.run import Run, generic
from gradcheck.subjects import trees
from gradcheck.subjects.outputs import flat, like, representable
from gradcheck.subjects.problem import Problem

BITS = 300


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """Errors of one array; None where it is structurally zero.

    Where terms cancel, an entry is far smaller than they are, and so are its units: `worst` is large then and
    `beside`, in units of the array's largest entry, is not.
    """

    name: str
    median: float | None = None  # over the entries, each in units of its own
    worst: float | None = None
    beside: float | None = None


def accuracy(problem: Problem, dtype: Any, seed: int) -> list[Accuracy]:
    """Return the errors of each gradient at the given point, and for constants, rounded to a dtype.

    Raises:
        NotFollowed: balls cannot take a call.
    """
    rounded = problem.changed(constants=_cast(problem.constants, dtype))
    point = [leaf.value.astype(dtype) for leaf in problem.leaves]
    out, pullback = rounded.vjp(point)
    (g,) = representable(out, generic(np.random.default_rng(seed), (1, flat(out).size)))
    claims = rounded.pull(pullback, like(out, g))
    with flint.ctx.workprec(BITS):
        exact = Run(rounded, [x.astype(np.float64) for x in point], out, g).gradient()
        rows = zip(problem.leaves, claims, exact, strict=True)
        return [_errors(leaf.name, np.asarray(claim), balls, dtype) for leaf, claim, balls in rows]


def _cast(constants: dict, dtype: Any) -> dict:
    arrays = [x.astype(dtype) for _, x in trees.leaves(constants)]
    return trees.rebuild(constants, iter(arrays))


def _errors(name: str, claim: np.ndarray, exact: np.ndarray, dtype: Any) -> Accuracy:
    pairs = [(arb(float(c)), x) for c, x in zip(claim.flat, exact.flat, strict=True)]
    seen = [(float(abs(c - x).mid()), _unit(x, dtype)) for c, x in pairs if not x.contains(0)]
    if not seen:
        return Accuracy(name)
    largest = max(unit for _, unit in seen)
    own = [error / unit for error, unit in seen]
    every = [float(abs(c - x).mid()) for c, x in pairs]
    return Accuracy(name, float(np.median(own)), max(own), max(every) / largest)


def _unit(x: arb, dtype: Any) -> float:
    return float(np.spacing(np.abs(np.asarray(float(x.mid())).astype(dtype))))
