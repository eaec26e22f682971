"""What a check says: a verdict, what was found, and for each array how far it was resolved."""

import dataclasses
from collections import Counter

import numpy as np

from gradcheck.findings import Finding
from gradcheck.problem import COST


@dataclasses.dataclass
class Gradient:
    """One array's verdict.

    `digits` is what was resolved: -log10 of the largest error bar, both sides' rounding included,
    over the root mean square of the numeric gradient; `real_digits` the same by real finite
    differences alone.  Both are None where the gradient is structurally zero: then `bar` is absolute.
    """

    name: str
    shape: tuple[int, ...]
    verdict: str
    digits: float | None = None
    real_digits: float | None = None
    worst_index: tuple[int, ...] | None = None
    claimed: float | None = None
    numeric: float | None = None
    bar: float | None = None
    method: str = ""
    compared: int = 0
    kinks: int = 0
    wrong: list[tuple[int, ...]] = dataclasses.field(default_factory=list)
    reason: str = ""


@dataclasses.dataclass
class Report:
    """`verdict` is "pass", "fail" or "inconclusive"; `str(report)` tells why."""

    subject: str
    verdict: str
    gradients: list[Gradient]
    findings: list[Finding]
    calls: Counter
    seed: int

    @property
    def evaluations(self) -> int:
        """What the check cost, in plain forward passes: a pullback counts 2, a complex forward 4."""
        return sum(COST[call] * count for call, count in self.calls.items())

    def __str__(self) -> str:
        head = f"gradcheck {self.subject}: {self.verdict} ({self.evaluations} evaluations, seed {self.seed})"
        rows = [_row(g) for g in self.gradients]
        width = max((len(row[0]) for row in rows), default=0)
        lines = [head] + [f"  {name:<{width}}  {verdict:<12}  {rest}" for name, verdict, rest in rows]
        order = {"fail": 0, "inconclusive": 1, "note": 2}
        lines += [f"  {f.severity}: {f.message}" for f in sorted(self.findings, key=lambda f: order[f.severity])]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Report {self.subject}: {self.verdict}>"


class GradientError(AssertionError):
    """A backward pass was not proved; `report` holds all that was found."""

    def __init__(self, report: Report):
        super().__init__(f"\n{report}")
        self.report = report


def _row(g: Gradient) -> tuple[str, str, str]:
    if g.verdict == "fail" and g.worst_index is not None and g.numeric is not None:
        at = ", ".join(map(str, g.worst_index))
        rest = f"at [{at}] the pullback gives {g.claimed:.12g}, differences give {g.numeric:.12g} +- {g.bar:.1e}"
    elif g.digits is None:
        rest = g.reason or (f"zero, within {g.bar:.1e}" if g.bar is not None else "no entries")
    else:
        real = "" if g.real_digits is None else f", {g.real_digits:.1f} by real differences alone"
        rest = f"{g.digits:.1f} digits by {g.method}{real}"
        if g.kinks:
            rest += f"; {g.kinks} at a kink, within the one-sided derivatives"
        if g.reason:
            rest += f"; {g.reason}"
    return f"{g.name} {_shape(g.shape)}", g.verdict, rest


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")" if np.size(shape) else "()"
