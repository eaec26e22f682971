"""A report as text: a line an array, where it is wrong, what else was found, and what to do about it."""

import math
import textwrap
from collections.abc import Sequence

from gradcheck.exact.answers import Exact
from gradcheck.reports import advice
from gradcheck.reports.cells import draw
from gradcheck.reports.style import Style
from gradcheck.verdict.facts import Facts, Gradient
from gradcheck.verdict.numbers import contradiction

MOST = 24  # arrays, above which those that pass are told in one line
MAPS = 3  # arrays whose errors are drawn
ORDER = {"fail": 0, "inconclusive": 1, "note": 2}
TOLD_ABOVE = {"gradient", "resolution"}  # kinds of findings that the line of their array tells already


def render(report: Facts, style: Style | None = None) -> str:
    style = style or Style()
    verdict = style.paint(report.verdict, report.verdict)
    cost = style.paint(f"({report.evaluations} evaluations, seed {report.seed})", "dim")
    lines = [f"{style.paint('gradcheck', 'bold')} {report.subject}: {verdict} {cost}"]
    lines += _table(report, style)
    lines += _findings(report, style)
    failing = [g for g in report.gradients if g.map is not None]
    for gradient in failing[:MAPS]:
        lines += ["", *_map(gradient, style)]
    if len(failing) > MAPS:
        lines += ["", f"  and {', '.join(g.name for g in failing[MAPS:])}, whose maps are on the page of to_html()"]
    return "\n".join(line.rstrip() for line in lines)


def place(index: tuple[int, ...] | None) -> str:
    return "" if index is None else "[" + ", ".join(map(str, index)) + "]"


def shape_of(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


def summary(g: Gradient) -> str:
    """Return what is to be said of one array, in one line."""
    return by_floats(g) if g.exact is None else f"{by_floats(g)}; by balls: {g.exact}"


def by_floats(g: Gradient) -> str:
    """Return the same without what balls say."""
    if g.verdict == "fail" and not g.reason:
        return _contradiction(g)
    if g.digits is None:
        zero = "" if g.bar is None or not math.isfinite(g.bar) else f"zero, within {g.bar:.1e}"
        return g.reason or zero or "no entries"
    both = g.real_digits is not None and g.method != "real differences"
    real = f", {g.real_digits:.1f} by real differences alone" if both else ""
    text = f"{g.digits:.1f} digits by {g.method}{real}"
    if g.kinks:
        text += f"; {g.kinks} at a kink"
    return f"{text}; {g.reason}" if g.reason else text


def told(g: Gradient) -> str:
    """Return what stands before a diagnosis: whether it names a cause."""
    return "seen:" if g.cause == "unknown" else "likely:"


def _contradiction(g: Gradient) -> str:
    """Say where claim and differences are apart: at an entry, or along a direction where no entry alone shows it."""
    if g.is_seen_at_entry and g.claimed is not None and g.numeric is not None:
        at = f"at {place(g.worst_index)} " if g.worst_index else ""
        return f"{at}{_beside(g, g.claimed, g.numeric, g.bar)}"
    if g.ladder is not None and g.ladder.index is None and g.ladder.disagrees:
        text = _beside(g, g.ladder.claimed, g.ladder.numeric, g.ladder.bar)
        return f"along a random direction of {g.ladder.moves} {text}{_of_entries(g)}"
    return f"{_pullback(g)} contradicts real differences"


def _of_entries(g: Gradient) -> str:
    if g.wrong:
        return ""
    if g.worst_index is None:  # of the first wrong arrays alone are entries looked for
        return "; its entries were not compared one by one"
    return "; no entry that was compared alone is off by more than its own bar"


def _pullback(g: Gradient) -> str:
    return "the pullback" if g.order == 1 else "the second pullback"


def _beside(g: Gradient, claimed: float, numeric: float, bar: float | None) -> str:
    return f"{_pullback(g)} {contradiction(claimed, numeric, bar)}"


def _table(report: Facts, style: Style) -> list[str]:
    gradients = report.gradients
    passing = [g for g in gradients if g.verdict == "pass"]
    shown = gradients if len(gradients) <= MOST else [g for g in gradients if g.verdict != "pass"]
    names = max((len(g.name) for g in shown), default=0)
    shapes = max((len(shape_of(g.shape)) for g in shown), default=0)
    verdicts = max((len(g.verdict) for g in shown), default=0)
    lines = []
    for g in shown:
        head = f"  {g.name:<{names}} {shape_of(g.shape):<{shapes}}  "
        indent = " " * (len(head) + verdicts + 2)
        rest = _wrapped(summary(g), indent, style)
        lines.append(f"{head}{style.paint(g.verdict, g.verdict)}{' ' * (verdicts - len(g.verdict) + 2)}{rest}")
        if g.diagnosis:
            lines.append(f"{indent}{style.paint(told(g), 'bold')} {_wrapped(g.diagnosis, indent, style)}")
        if what := advice.for_gradient(g, report.findings):
            lines.append(f"{indent}{_wrapped(f'what to do: {what}', indent, style)}")
    if len(shown) < len(gradients) and passing:
        least = min((g for g in passing if g.digits is not None), key=lambda g: g.digits or 0.0, default=None)
        resolved = "" if least is None else f", at least {least.digits:.1f} digits ({least.name})"
        lines.append(f"  {len(passing)} arrays {style.paint('pass', 'pass')}{resolved}")
        if exact := [g.exact for g in passing if g.exact is not None]:
            lines.append(f"  by balls: {least_exact(exact)}")
    return lines


def least_exact(answers: Sequence[Exact]) -> str:
    """Return what is to be said of arrays of which each is proved, or was not followed."""
    left = next((a for a in answers if not a.is_proof), None)
    digits = [a for a in answers if a.digits is not None]
    return str(left or min(digits, key=lambda a: a.digits or 0.0, default=answers[0]))


def _findings(report: Facts, style: Style) -> list[str]:
    lines = []
    for f in sorted(report.findings, key=lambda f: ORDER[f.severity]):
        if f.kind in TOLD_ABOVE:
            continue
        code = "dim" if f.severity == "note" else f.severity
        indent = " " * (len(f.severity) + 4)
        lines.append(f"  {style.paint(f.severity + ':', code)} {_wrapped(f.message, indent, style)}")
        if what := advice.for_finding(f):
            lines.append(f"{indent}{_wrapped(f'what to do: {what}', indent, style)}")
    return lines


def _map(gradient: Gradient, style: Style) -> list[str]:
    assert gradient.map is not None
    title, *lines = draw(gradient.map, style)
    head = style.paint(f"  where {gradient.name} is wrong:", "bold")
    return [f"{head} {title}", *(f"    {line}" for line in lines)]


def _wrapped(text: str, indent: str, style: Style) -> str:
    if not style.width:
        return text
    lines = textwrap.wrap(text, max(style.width - len(indent), 40), break_on_hyphens=False)
    return f"\n{indent}".join(lines)
