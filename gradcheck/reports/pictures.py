"""The two pictures of convergence that people trust: error against step, Taylor remainder against step."""

from gradcheck.reports.svg import LogAxes, picture, tag
from gradcheck.verdict.facts import Ladder

BETWEEN = 1.5  # orders: a wrong derivative leaves 1, a right one 2 or more
SLOPES = ((1, "t"), (2, "t^2"))


def error_picture(ladder: Ladder, verdict: str) -> str:
    """Return the error of central differences against the step: it falls to rounding, or it stops at a plateau."""
    steps = ladder.steps
    rounding = [noise / t for noise, t in zip(ladder.noise, steps, strict=True)]
    off, error = ladder.off.tolist(), ladder.error.tolist()
    axes = LogAxes(steps, [*off, *error, *rounding])
    return picture(
        axes.WIDTH,
        axes.HEIGHT,
        "Error of central differences against their step",
        axes.grid("step t", "|difference − derivative|"),
        axes.line(steps, rounding, "noise"),
        axes.line(steps, error, "reference"),
        axes.dots(steps, error, "reference"),
        axes.line(steps, off, f"claim {verdict}"),
        axes.dots(steps, off, f"claim {verdict}"),
    )


def remainder_picture(ladder: Ladder, verdict: str) -> str:
    """Return the Taylor remainder against the step, with lines of order 1 and 2 through its largest clear value."""
    steps, remainder = ladder.steps, ladder.remainder.tolist()
    noise = list(ladder.noise)
    axes = LogAxes(steps, [*remainder, *noise])
    guides = ""
    clear = [k for k in range(len(steps)) if ladder.clear[k]]
    if clear:
        middle = clear[len(clear) // 2]
        guides = "".join(axes.straight(steps[middle], remainder[middle], slope, name) for slope, name in SLOPES)
    return picture(
        axes.WIDTH,
        axes.HEIGHT,
        "Taylor remainder against the step",
        axes.grid("step t", "|φ(t) − φ(0) − t · claim|"),
        guides,
        axes.line(steps, noise, "noise"),
        axes.line(steps, remainder, f"claim {verdict}"),
        axes.dots(steps, remainder, f"claim {verdict}"),
    )


def order_words(ladder: Ladder) -> str:
    """Return what the observed order says."""
    order = ladder.order
    if order is None:
        return "only rounding, as where the function is linear"
    if ladder.disagrees:
        what = "that of a wrong derivative" if order < BETWEEN else "an error too small for this picture"
    else:
        what = "that of a right derivative" if order > BETWEEN else "with kinks or rounding in the way"
    return f"observed order {order:.2f}, {what}"


def key(*names: tuple[str, str]) -> str:
    """Return a line that explains the marks of a picture: (class, words) for each."""
    items = []
    for class_, words in names:
        mark = tag("line", x1=0, x2=18, y1=6, y2=6, class_=class_)
        if not class_.startswith("noise"):
            mark += tag("circle", cx=9, cy=6, r=3.2, class_=class_)
        items.append(tag("span", tag("svg", mark, width=18, height=12), " ", words, class_="key"))
    return "".join(items)


