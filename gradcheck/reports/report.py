"""What a check says: a verdict, what was found, and for each array how far it was resolved."""

import dataclasses
from typing import Any

from gradcheck.reports.reproducer import script
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.facts import Facts, Gradient
from gradcheck.verdict.second import NOTHING, SecondOrder
from gradcheck.verdict.verdicts import Verdicts

__all__ = ["Gradient", "GradientError", "Report"]


@dataclasses.dataclass(frozen=True)
class Report(Facts):
    """`verdict` is "pass", "fail" or "inconclusive"; `str(report)` tells why.

    `reproducer` is a script that shows the worst disagreement, to paste beside the subject and its inputs.
    """

    def __str__(self) -> str:
        from gradcheck.reports.text import render

        return render(self)

    def __repr__(self) -> str:
        return f"<Report {self.subject}: {self.verdict}>"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dictionaries, lists, strings and numbers; what is not finite is None."""
        from gradcheck.reports.data import to_dict

        return to_dict(self)

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        from gradcheck.reports.data import to_json

        return to_json(self.to_dict(), indent)

    def to_html(self) -> str:
        """Return a page that needs nothing from outside: tables, maps of the errors, pictures of convergence."""
        from gradcheck.reports.html import page

        return page([self])


class GradientError(AssertionError):
    """A backward pass was not proved; `report` holds all that was found."""

    __module__ = "gradcheck"  # where users know it from: tracebacks print it

    def __init__(self, report: Report):
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple:
        return GradientError, (self.report,)


def report(
    problem: Problem, first: Verdicts, seed: int, outputs: int, second: SecondOrder | None = None
) -> Report:
    """Return the report on a check: it fails where anything does, with a script that shows it."""
    more = NOTHING if second is None else second
    gradients, findings = [*first.gradients, *more.gradients], [*first.findings, *more.findings]
    severities = {f.severity for f in findings} | {g.verdict for g in gradients}
    verdict = next((v for v in ("fail", "inconclusive") if v in severities), "pass")
    order = 1 if second is None else 2
    shown = script(problem, first.gradients, first.findings, seed, outputs, order) if verdict == "fail" else ""
    return Report(problem.name, verdict, gradients, findings, problem.count + more.calls, seed, shown, more.symmetry)
