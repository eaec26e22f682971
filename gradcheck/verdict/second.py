"""Both orders in one report: what is said of the second names it."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

from gradcheck.subjects.findings import Finding
from gradcheck.verdict.facts import Gradient, Symmetry
from gradcheck.verdict.verdicts import Verdicts

ORDER = "second order"
WORDS = (  # of a check whose forward pass is a pullback
    (
        "the output of vjp differs from that of the plain forward pass",
        "the gradients of the pullback's vjp differ from those of the pullback",
    ),
    ("the pullback", "the second pullback"),
    ("the backward pass", "the second pullback"),
    ("the backward must", "a second pullback must beside that of dy"),
    ("the forward pass", "the pullback"),
    ("a forward pass", "a call of the pullback"),
)
UNCHECKED = "not checked: the pullback breaks its contract"


@dataclasses.dataclass(frozen=True)
class SecondOrder:
    """What was found of the second order, under names of its own."""

    gradients: tuple[Gradient, ...]
    findings: tuple[Finding, ...]
    symmetry: Symmetry | None = None
    calls: Counter = dataclasses.field(default_factory=Counter)


NOTHING = SecondOrder((), ())


def unchecked() -> SecondOrder:
    return SecondOrder((), (Finding("second", f"{ORDER}: {UNCHECKED}", "note"),))


def second_order_of(
    found: Verdicts, said: Sequence[Finding], symmetry: Symmetry | None, first: Sequence[Finding], calls: Counter
) -> SecondOrder:
    """Return what was `said` of the second order, and verdicts with its words and names.

    A note that the `first` order has already is left out, and so is that there is no complex step, which is nobody's
    choice.
    """
    known = {(f.kind, f.array) for f in first if f.severity == "note"} | {("complex", None)}
    gradients = tuple(
        dataclasses.replace(
            g, name=f"{ORDER}, {g.name}", order=2, reason=_worded(g.reason), diagnosis=_worded(g.diagnosis)
        )
        for g in found.gradients
    )
    new = [f for f in found.findings if f.severity != "note" or (f.kind, f.array) not in known]
    named = [dataclasses.replace(f, message=_worded(f.message), array=f.array and f"{ORDER}, {f.array}") for f in new]
    findings = tuple(dataclasses.replace(f, message=f"{ORDER}: {f.message}") for f in (*said, *named))
    return SecondOrder(gradients, findings, symmetry, _as_first(calls))


def _worded(text: str) -> str:
    for i, (word, _) in enumerate(WORDS):
        text = text.replace(word, f"\0{i}\0")
    for i, (_, other) in enumerate(WORDS):
        text = text.replace(f"\0{i}\0", other)
    return text


def _as_first(calls: Counter) -> Counter:
    """Return the calls as those of the first order: a forward pass of the second is one and its pullback."""
    forward = calls["forward"]
    return Counter({"forward": forward, "pullback": forward, "second pullback": calls["pullback"]})
