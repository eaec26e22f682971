"""The mathematics meets the checker: a verdict on every example of every module."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Iterator

import gradcheck
from reference.job import catalogue


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
