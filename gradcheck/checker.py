"""The checker's front door."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from gradcheck.claims.within import within
from gradcheck.contract.examine import Contract, examine
from gradcheck.diagnosis.diagnose import explained
from gradcheck.exact.refusals import expect_flint
from gradcheck.numeric.points import cotangents
from gradcheck.precision.shadow import compare_with_shadow
from gradcheck.reports.report import Gradient, GradientError, Report, report
from gradcheck.subjects.declared import Declared
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.kept import kept
from gradcheck.subjects.kinds import adapt
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.second import refusal, second_order
from gradcheck.verdict.exact import with_exact
from gradcheck.verdict.forward_mode import compare_forward_mode
from gradcheck.verdict.places import Places, choose, unrounded
from gradcheck.verdict.refused import compared
from gradcheck.verdict.second import SecondOrder, second_order_of, unchecked
from gradcheck.verdict.small_outputs import alone, joined
from gradcheck.verdict.symmetry import symmetry, told
from gradcheck.verdict.verdicts import Verdicts, conclude_all, uncompared, with_broken, with_held
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
        domain: a function of the inputs, as NumPy arrays, that says whether they lie in the subject's domain, or that
            brings them back into it, as (x + x.T) / 2 does for symmetric ones: then f(P(x)) is checked, to the slopes
            within the domain.
        layouts: whether arrays may come in other memory layouts than they have here.
        order: with 2 the derivative of the pullback is checked as well.
        exact: whether the subject is run on balls as well (extra `exact`), where a difference of one part in 10^18 is
            seen.  Each array has an answer of its own beside the verdict: it is proved, differs, or was not followed.
            Of what is not followed nothing is said; of a difference that no float shows the verdict is "fail".

    Raises:
        ImportError: `exact` is asked for, and python-flint is not installed.
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
        order: int = 1,
        exact: bool = False,
    ):
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise TypeError(f"gradcheck: seed must be a whole number, got {type(seed).__name__}")
        if seed < 0:
            raise ValueError(f"gradcheck: seed must not be negative, got {seed}")
        if isinstance(order, bool) or not isinstance(order, int):
            raise TypeError(f"gradcheck: order must be 1 or 2, got {type(order).__name__}")
        if order not in (1, 2):
            raise ValueError(f"gradcheck: order must be 1 or 2, got {order}")
        if not isinstance(exact, bool):
            raise TypeError(f"gradcheck: exact must be True or False, got {type(exact).__name__}")
        if exact:
            expect_flint()
        self.seed, self.workers, self.order, self.exact = seed, workers, order, exact
        self.declared = Declared(noise, nondeterministic, convention, straight_through, kinks, domain, layouts)

    def __call__(self, subject: Any, *inputs: Any, **constants: Any) -> Report:
        """Check the backward pass of `subject` at `inputs`.  See `gradcheck.check`."""
        rng = np.random.default_rng(self.seed)
        with kept(subject), mapping(self.workers) as mapper, np.errstate(all="ignore"):
            problem = Problem(within(adapt(subject), self.declared), inputs, constants, self.declared)
            straight = problem.refuse_unknown(self.declared.straight_through)
            contract = examine(problem, rng)
            held = tuple(dict.fromkeys((*straight, *contract.fixed)))
            first = self._concluded(contract, held, self.declared.notes(), mapper, rng, self.exact)
            second = self._second(contract, held, first, mapper, rng) if self.order == 2 else None
            return report(contract.problem.with_held(held), first, self.seed, contract.outputs, second)

    def _concluded(
        self,
        contract: Contract,
        held: Sequence[str],
        said: Sequence[Finding],
        mapper: Callable,
        rng: np.random.Generator,
        exact: bool,
    ) -> Verdicts:
        """Return the verdicts on all arrays, with everything that was found; of those `held` no number is compared."""
        whole = contract.problem
        findings = (*said, *whole.subject.findings, *contract.findings)
        if not contract.comparable:
            return Verdicts(explained(None, uncompared(whole, findings), findings), findings)
        problem = whole.with_held(held)
        places = choose(problem, contract.outputs, rng)
        places, found = compared(problem, places, contract.roundings * 2 * places.u, mapper, rng)
        findings += places.findings
        if found is None:
            return Verdicts(explained(None, uncompared(whole, findings), findings), findings)
        verdicts = conclude_all(found, self.seed, rng)
        findings += (*found.findings, *verdicts.findings)
        findings += (*compare_forward_mode(found, rng),)
        findings += (*compare_with_shadow(problem, found.own, max(places.u, found.steps()), rng),)
        gradients = explained(found, with_broken(verdicts.gradients, findings), findings)
        for part, small in alone(problem, places, gradients, mapper, self.seed, rng):
            others = explained(part, small.gradients, small.findings)
            gradients, findings = joined(gradients, findings, others, small.findings)
        if exact:
            gradients, more = self._beside(problem, places, gradients)
            findings += more
        return Verdicts(with_broken(with_held(whole, gradients, findings), findings), findings)

    def _beside(
        self, problem: Problem, places: Places, gradients: tuple[Gradient, ...]
    ) -> tuple[tuple[Gradient, ...], tuple[Finding, ...]]:
        """Return the verdicts with what balls say of each array."""
        from gradcheck.exact.prove import prove

        points = [places.near.point, unrounded(problem, places.own.point, places.moved)]
        answers, notes = prove(problem.fresh(), points, self.seed)
        return with_exact(gradients, answers, notes, self.declared.noise)

    def _second(
        self, contract: Contract, held: Sequence[str], first: Verdicts, mapper: Callable, rng: np.random.Generator
    ) -> SecondOrder:
        """Return what is found of the derivative of the pullback, if that keeps its contract."""
        if not contract.comparable or any(f.severity == "fail" for f in contract.findings):
            return unchecked()
        whole = contract.problem.with_held(held)
        problem = second_order(whole, cotangents(rng, contract.outputs, 1)[0])
        symmetric = symmetry(problem, len(whole.leaves), rng)
        said = [] if symmetric is None else told(symmetric)
        why = refusal(problem)
        if why is None:
            found = self._concluded(examine(problem, rng), (), (), mapper, rng, False)
        else:
            found, said = Verdicts((), ()), [*said, why]
        return second_order_of(found, said, symmetric, first.findings, problem.count)


def check(subject: Any, *inputs: Any, order: int = 1, exact: bool = False, **constants: Any) -> Report:
    """Check a backward pass against numbers; there is no step size and no tolerance to choose.

    Args:
        subject: an object with `vjp(*inputs, **constants) -> (y, pullback)` whose pullback returns its
            own cotangent first; a function that returns `(y, pullback)`; or what `gradcheck.adapters` make.
        inputs: floating arrays, or trees of them, that are differentiated; others are constants.
        order: with 2 the derivative of the pullback is checked as well: that it is symmetric, and, against the
            differences of the pullback, what PyTorch's or JAX's derivative of it is, or that of a pullback with a
            method of its own, `vjp(dy) -> (gradients, second_pullback)`: `second_pullback`, called with cotangents
            shaped like the gradients, returns what a pullback does and then the cotangent of dy.
        exact: whether the subject is run on balls as well; see `Checker`.
        constants: handed over by keyword and not differentiated (masks, ids, random generators).  A subject with
            a constant named `order` or `exact` is checked by `Checker()(subject, *inputs, order=...)`.

    Returns:
        A report with `verdict`, `findings`, `gradients` and `evaluations`, and the `symmetry` of the second order.

    Raises:
        TypeError: the subject is of no known kind, there is no floating array to differentiate, or the order is no
            whole number.
        ImportError: `exact` is asked for, and python-flint is not installed.
        ValueError: the forward pass is not finite at the inputs, or the order is neither 1 nor 2.

    >>> import gradcheck, numpy as np
    >>> gradcheck.check(gradcheck.adapters.pair(np.sin, lambda x, dy: np.cos(x) * dy), np.ones(3)).verdict
    'pass'
    """
    return Checker(order=order, exact=exact)(subject, *inputs, **constants)


def assert_gradients(subject: Any, *inputs: Any, order: int = 1, exact: bool = False, **constants: Any) -> None:
    """Raise GradientError, with the report as its message, unless `check` says "pass"."""
    __tracebackhide__ = True  # in pytest the user's own line is the last that is shown
    found = check(subject, *inputs, order=order, exact=exact, **constants)
    if found.verdict != "pass":
        raise GradientError(found)
