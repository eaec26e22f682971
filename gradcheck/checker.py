"""The checker's front door."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from gradcheck.claims.within import within
from gradcheck.contract.examine import examine
from gradcheck.diagnosis import explained
from gradcheck.precision.shadow import compare_with_shadow
from gradcheck.reports.report import GradientError, Report, report
from gradcheck.subjects.declared import Declared
from gradcheck.subjects.kept import kept
from gradcheck.subjects.kinds import adapt
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.comparisons import compare_all
from gradcheck.verdict.forward_mode import compare_forward_mode
from gradcheck.verdict.places import choose
from gradcheck.verdict.verdicts import conclude_all, uncompared, with_broken, with_declared
from gradcheck.workers.mapping import mapping


class Checker:
    """A check with options of its own; an instance is called like `check`.

    Args:
        seed: of all random numbers that the check draws.
        workers: as in SciPy: a number of processes (-1: all cores), or a map-like callable.  The
            report is the same to the last bit wherever the work is done.
        noise: what the subject leaves open of every number, as a part of it: that of a solver with a tolerance.
        nondeterministic: whether two calls of the backward pass may differ by more than roundings.
        convention: of complex arrays: the gradient for z = x + i y is dx + i dy ("torch") or dx - i dy ("jax").
        straight_through: names of arrays whose gradient is not meant to be the derivative: their contract alone is
            checked, and they stay where they are while others move.
        kinks: what is right for an entry at a kink: what lies "between" the one-sided derivatives, or "any" gradient.
        domain: a function of the inputs that says whether they lie in the subject's domain, or that brings them back
            into it, as (x + x.T) / 2 does for symmetric ones: then f(P(x)) is checked, to the slopes within the domain.
        layouts: whether arrays may come in other memory layouts than they have here.

    Raises:
        TypeError: an option is of another type.
        ValueError: an option lies outside its range.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        workers: int | Callable[..., Iterable] = 1,
        noise: float = 0.0,
        nondeterministic: bool = False,
        convention: str = "torch",
        straight_through: Sequence[str] = (),
        kinks: str = "between",
        domain: Callable[..., Any] | None = None,
        layouts: bool = True,
    ):
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise TypeError(f"gradcheck: seed must be a whole number, got {type(seed).__name__}")
        if seed < 0:
            raise ValueError(f"gradcheck: seed must not be negative, got {seed}")
        self.seed, self.workers = seed, workers
        self.declared = Declared(noise, nondeterministic, convention, straight_through, kinks, domain, layouts)

    def __call__(self, subject: Any, *inputs: Any, **constants: Any) -> Report:
        """Check the backward pass of `subject` at `inputs`.  See `gradcheck.check`."""
        rng = np.random.default_rng(self.seed)
        with kept(subject), mapping(self.workers) as mapper, np.errstate(all="ignore"):
            whole = Problem(within(adapt(subject), self.declared.domain), inputs, constants, self.declared)
            problem = whole.with_held(self.declared.straight_through)
            contract = examine(whole, rng)
            findings = (*self.declared.notes(), *contract.problem.subject.findings, *contract.findings)
            if not contract.comparable:
                gradients = explained(None, uncompared(contract.problem, findings), findings)
                return report(contract.problem, gradients, findings, self.seed)
            problem = contract.problem.with_held(self.declared.straight_through)
            places = choose(problem, contract.outputs, rng)
            compared = compare_all(problem, places, contract.roundings * 2 * places.u, mapper, rng)
            verdicts = conclude_all(compared, self.seed, rng)
            findings += (*places.findings, *compared.findings, *verdicts.findings)
            findings += (*compare_forward_mode(compared, rng),)
            findings += (*compare_with_shadow(problem, compared.own, places.u, rng),)
            gradients = explained(compared, with_broken(verdicts.gradients, findings), findings)
            gradients = with_broken(with_declared(contract.problem, gradients), findings)
            return report(problem, gradients, findings, self.seed)


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
    __tracebackhide__ = True  # in pytest the user's own line is the last that is shown
    found = check(subject, *inputs, **constants)
    if found.verdict != "pass":
        raise GradientError(found)
