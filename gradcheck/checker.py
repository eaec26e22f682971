"""The checker's front door."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradcheck.examination import Examination
from gradcheck.problem import Problem
from gradcheck.report import GradientError, Report
from gradcheck.workers import mapping


class Checker:
    """A check with options of its own; an instance is called like `check`.

    Args:
        seed: of all random numbers that the check draws.
        workers: as in SciPy: a number of processes (-1: all cores), or a map-like callable.  The
            report is the same to the last bit wherever the work is done.
    """

    def __init__(self, *, seed: int = 0, workers: int | Callable[..., Iterable] = 1):
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise TypeError(f"gradcheck: seed must be a whole number, got {type(seed).__name__}")
        if seed < 0:
            raise ValueError(f"gradcheck: seed must not be negative, got {seed}")
        self.seed, self.workers = seed, workers

    def __call__(self, subject: Any, *inputs: Any, **constants: Any) -> Report:
        """Check the backward pass of `subject` at `inputs`.  See `gradcheck.check`."""
        problem = Problem(subject, inputs, constants)
        with mapping(self.workers) as mapper, np.errstate(all="ignore"):
            return Examination(problem, self.seed, mapper).run()


def check(subject: Any, *inputs: Any, **constants: Any) -> Report:
    """Check a backward pass against numbers; there is no step size and no tolerance to choose.

    Args:
        subject: an object with `vjp(*inputs, **constants) -> (y, pullback)` whose pullback returns its
            own cotangent first; a function that returns `(y, pullback)`; or what `gradcheck.adapters` make.
        inputs: floating arrays, or trees of them, that are differentiated; others are constants.
        constants: handed over by keyword and not differentiated (masks, ids, random generators).

    Returns:
        A report with `verdict`, `findings`, `gradients` and `evaluations`.

    Raises:
        TypeError: the subject is of no known kind, or there is no floating array to differentiate.
        ValueError: the forward pass is not finite at the inputs.
    """
    return Checker()(subject, *inputs, **constants)


def assert_gradients(subject: Any, *inputs: Any, **constants: Any) -> None:
    """Raise GradientError, with the report as its message, unless `check` says "pass"."""
    report = check(subject, *inputs, **constants)
    if report.verdict != "pass":
        raise GradientError(report)
