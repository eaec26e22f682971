"""A report as a page that needs nothing from outside: no script, no font, no picture but its own."""

import html
from collections.abc import Sequence

from gradcheck.reports import advice
from gradcheck.reports.heat import heat_maps
from gradcheck.reports.made import made
from gradcheck.reports.pictures import error_picture, key, order_words, remainder_picture
from gradcheck.reports.sheet import SHEET
from gradcheck.reports.svg import tag
from gradcheck.reports.text import ORDER, TOLD_ABOVE, by_floats, place, shape_of, summary, told
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.facts import Facts, Gradient, Ladder

DRAWN = 12  # arrays of one verdict that are drawn

HOW = (
    "Digits are what was resolved: the largest error bar of an array, the rounding of both sides included, beside its "
    "gradient. In the pictures the step falls to the left. Differences come nearer to the derivative until rounding "
    "(dotted) takes over; if the claim is wrong they stop at its error. The Taylor remainder of a right "
    "derivative falls like t² or faster, that of a wrong one like t."
)


def page(reports: Sequence[Facts]) -> str:
    """Return one page with a section for each report."""
    title = "gradcheck: " + ", ".join(f"{r.subject} {r.verdict}" for r in reports)
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{SHEET}</style>"
    )
    footer = tag("footer", tag("p", HOW, class_="soft"))
    body = tag("main", *(_article(r) for r in reports), footer)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _article(report: Facts) -> str:
    cost = f"{_count(report)} · {report.evaluations:,} evaluations · seed {report.seed}"
    badge = tag("span", report.verdict, class_=f"badge {report.verdict}")
    parts = [tag("header", tag("h1", html.escape(report.subject)), badge, tag("span", cost, class_="soft"))]
    rows = [f"<b>{name}</b> {html.escape(words)}" for name, words in made()]
    parts.append(tag("p", "<br>".join(rows), class_="soft made"))
    parts.append(_findings(report))
    parts.append(_table(report.gradients))
    for verdict in ("fail", "inconclusive"):
        parts += [_section(g, report.findings) for g in [g for g in report.gradients if g.verdict == verdict][:DRAWN]]
    if report.reproducer:
        parts += [tag("h2", "To paste"), tag("pre", html.escape(report.reproducer))]
    passing = [(g.order, g.ladder) for g in report.gradients if g.verdict == "pass" and g.ladder is not None]
    if passing:
        ladders = list(dict.fromkeys(passing))  # one may serve several arrays
        inside = "".join(tag("div", *_convergence(ladder, "pass"), class_="row") for _, ladder in ladders[:DRAWN])
        opened = "open" if report.verdict == "pass" else None
        words = f"How differences converge to the {len(passing)} gradients that pass"
        if len(ladders) > DRAWN:
            words = f"How differences converge to {DRAWN} of the {len(passing)} gradients that pass"
        parts.append(tag("details", tag("summary", words), inside, open=opened))
    return tag("article", *parts)


def _count(report: Facts) -> str:
    total = len(report.gradients)
    wrong = sum(g.verdict == "fail" for g in report.gradients)
    return f"{wrong} of {total} arrays wrong" if wrong else f"{total} array{'s' * (total != 1)}"


def _findings(report: Facts) -> str:
    items = []
    for f in sorted(report.findings, key=lambda f: ORDER[f.severity]):
        if f.kind not in TOLD_ABOVE:
            words = html.escape(_with(f.message, advice.for_finding(f)))
            items.append(tag("li", f"<b>{f.severity}</b>: {words}", class_=f.severity))
    return tag("ul", *items, class_="findings") if items else ""


def _table(gradients: Sequence[Gradient]) -> str:
    exact = any(g.exact is not None for g in gradients)
    names = ("array", "shape", "dtype", "verdict", "digits", "by differences", *(["by balls"] if exact else []), "")
    head = tag("tr", *(tag("th", h) for h in names))
    rows = []
    for g in gradients:
        digits = ["" if d is None else f"{d:.1f}" for d in (g.digits, g.real_digits)]
        note = "" if g.digits is not None and g.verdict == "pass" and not g.kinks else _typeset(by_floats(g))
        cells = [tag("td", html.escape(g.name), class_="name"), tag("td", shape_of(g.shape)), tag("td", g.dtype)]
        cells.append(tag("td", g.verdict, class_=g.verdict))
        cells += [tag("td", d, class_=f"number {how}") for d, how in zip(digits, ("all", "real"), strict=True)]
        if exact:
            cells.append(tag("td", html.escape(str(g.exact or "")), class_="note"))
        cells.append(tag("td", html.escape(note), class_="note"))
        rows.append(tag("tr", *cells))
    return tag("table", head, *rows)


def _with(words: str, what: str) -> str:
    return f"{words}. What to do: {what}." if what else words


def _typeset(words: str) -> str:
    return words.replace("+-", "±")


def _section(g: Gradient, findings: Sequence[Finding]) -> str:
    name = tag("h2", html.escape(g.name), " ", tag("span", shape_of(g.shape), class_="soft"))
    parts = [name, tag("p", html.escape(_with(_typeset(summary(g)), advice.for_gradient(g, findings))))]
    if g.diagnosis:
        parts.append(tag("p", tag("b", told(g).capitalize()), " ", html.escape(g.diagnosis)))
    if g.map is not None:
        figures = [_figure(caption, drawing) for caption, drawing in heat_maps(g.map)]
        parts.append(tag("div", *figures, class_="row"))
        if not g.map.whole:
            parts.append(tag("p", "A cell is the weighted mean of a block of entries.", class_="soft"))
        if g.map.sampled:
            parts.append(tag("p", "Only a few entries were compared one by one.", class_="soft"))
    if g.ladder is not None:
        parts.append(tag("div", *_convergence(g.ladder, g.verdict), class_="row"))
    return tag("section", *parts)


def _convergence(ladder: Ladder, verdict: str) -> list[str]:
    along = f"along a random direction of {ladder.moves}" if ladder.index is None else f"at {place(ladder.index)}"
    claim = f"claim {verdict}", "from the pullback's value"
    names = key(claim, ("reference", "from the value found"), ("noise", "rounding"))
    return [
        _figure(f"how far differences are off, {html.escape(along)}", error_picture(ladder, verdict), names),
        _figure(f"Taylor remainder: {order_words(ladder)}", remainder_picture(ladder, verdict)),
    ]


def _figure(caption: str, drawing: str, under: str = "") -> str:
    return tag("figure", tag("figcaption", caption), drawing, under)
