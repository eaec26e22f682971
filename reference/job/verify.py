"""The mathematics meets the checker: a verdict on every example of every module."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import gradcheck
from gradcheck.subjects.problem import Problem
from reference.job import catalogue

ERRORS = ("median", "worst", "beside")


@dataclasses.dataclass(frozen=True, eq=False)
class Verdict:
    example: catalogue.Example
    report: gradcheck.Report
    seconds: float

    @property
    def word(self) -> str:
        """The verdict; of the second order also that the pullback has no derivative where it should have one."""
        symmetry = self.report.symmetry
        if self.report.verdict != "pass" or symmetry is None:
            return self.report.verdict
        if symmetry.smoothness in ("kink", "jump"):
            return symmetry.smoothness
        return "pass" if symmetry.is_resolved and symmetry.smoothness == "smooth" else "inconclusive"

    @property
    def passed(self) -> bool:
        return self.word == "pass"

    @property
    def digits(self) -> float | None:
        """The least over the arrays that are not structurally zero; None if all of them are."""
        return min((g.digits for g in self.report.gradients if g.digits is not None), default=None)

    @property
    def real_digits(self) -> float | None:
        """The same by real finite differences alone."""
        return min((g.real_digits for g in self.report.gradients if g.real_digits is not None), default=None)

    @property
    def compared(self) -> int:
        """How many derivatives, of single entries and along directions, were held against the pullback's."""
        return sum(g.compared for g in self.report.gradients)

    @property
    def symmetric_digits(self) -> float | None:
        """To which the derivative of the pullback is symmetric; None if it is zero, or was not asked for."""
        return None if self.report.symmetry is None else self.report.symmetry.digits


@dataclasses.dataclass(frozen=True, eq=False)
class Proof:
    """What balls say of each gradient array of an example; see specs/guides/exact.md."""

    example: catalogue.Example
    names: tuple[str, ...]
    answers: tuple[Any, ...]
    seconds: float

    @property
    def word(self) -> str:
        """The worst of all answers: "differs", "not followed", "constants" (but for their rounding) or "proved"."""
        found = {answer.answer for answer in self.answers}
        return next(word for word in ("differs", "not followed", "constants", "proved") if word in found)

    @property
    def passed(self) -> bool:
        return all(answer.is_proof for answer in self.answers)

    @property
    def digits(self) -> float | None:
        """The least over the arrays that are not structurally zero; None if all of them are, or none is proved."""
        return min((answer.digits for answer in self.answers if answer.digits is not None), default=None)

    @property
    def constants(self) -> str:
        """The functions whose rounded constants stand between forward pass and pullback."""
        return ", ".join(dict.fromkeys(a.reason for a in self.answers if a.answer == "constants"))


def proofs(seed: int = 0, mapper: Callable = map, names: Iterable[str] = ()) -> Iterator[Proof]:
    """Yield what balls say of each example of the catalogue, or of the modules of these names; needs python-flint."""
    return mapper(functools.partial(proof, seed=seed), catalogue.examples(seed, names))


def proof(example: catalogue.Example, seed: int = 0) -> Proof:
    """Return what balls say of an example, at its own point."""
    from gradcheck.exact.prove import prove

    began = time.perf_counter()
    problem = Problem(example.subject, example.inputs, example.constants)
    answers, _ = prove(problem, [[leaf.value for leaf in problem.leaves]], seed)
    names = tuple(leaf.name for leaf in problem.leaves)
    return Proof(example, names, tuple(answers), time.perf_counter() - began)


@dataclasses.dataclass(frozen=True, eq=False)
class Loss:
    """What floats lose of each gradient array of an example: errors in float64, and in float32."""

    wide: tuple[Any, ...]
    narrow: tuple[Any, ...]

    def arrays(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the name of each array with its errors as text."""
        for pair in zip(self.wide, self.narrow, strict=True):
            yield pair[0].name, tuple(_ulp(getattr(a, name)) for a in pair for name in ERRORS)

    def largest(self) -> tuple[str, ...]:
        """Return the largest of each kind of error over the arrays."""
        return tuple(
            _ulp(max((x for a in found if (x := getattr(a, name)) is not None), default=None))
            for found in (self.wide, self.narrow)
            for name in ERRORS
        )


def _ulp(error: float | None) -> str:
    return "zero" if error is None else f"{error:.1f}" if error < 100 else f"{error:.0f}"


def losses(seed: int = 0, mapper: Callable = map, names: Iterable[str] = ()) -> Iterator[Loss]:
    """Yield what floats lose of the gradients of each example; needs python-flint."""
    return mapper(functools.partial(loss, seed=seed), catalogue.examples(seed, names))


def loss(example: catalogue.Example, seed: int = 0) -> Loss:
    from gradcheck.exact.accuracy import accuracy

    problem = Problem(example.subject, example.inputs, example.constants)
    return Loss(*(tuple(accuracy(problem, dtype, seed)) for dtype in (np.float64, np.float32)))


def verdicts(seed: int = 0, mapper: Callable = map, names: Iterable[str] = (), order: int = 1) -> Iterator[Verdict]:
    """Yield the verdict on each example of the catalogue, or of the modules of these names, all drawn from `seed`.

    With `order` 2 also on the derivative of each pullback, by its differences.  `mapper` is called like `map`; that
    of a pool shares the work out and changes no number.
    """
    checker = gradcheck.Checker(seed=seed, order=order)
    return mapper(functools.partial(_verdict, checker), catalogue.examples(seed, names))


def _verdict(check: gradcheck.Checker, example: catalogue.Example) -> Verdict:
    began = time.perf_counter()
    report = check(example.subject, *example.inputs, **example.constants)
    return Verdict(example, report, time.perf_counter() - began)
