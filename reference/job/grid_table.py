"""The cells of a grid as rows: on the screen, on the page, and in a file for a spreadsheet."""

import csv
import io
from collections.abc import Sequence

from rich.console import Console

from reference.job.display import nats
from reference.job.grid_fit import Found
from reference.scaling.law import EXPONENTS
from reference.training.cells import Result
from reference.training.grid import Cell

HEAD = "depth", "data", "parameters", "tokens", "flops", "held-out loss", "the law says", "off"
COLUMNS = (
    "depth", "data", "compute", "parameters", "tokens", "flops", "held_out_loss", "law", "held_back", "diverged",
)  # fmt: skip


def rows(cells: Sequence[Cell], results: Sequence[Result], found: Found) -> list[tuple[str, ...]]:
    """Return the words of each cell; behind the largest stands that it was held back."""
    made: list[tuple[str, ...]] = []
    for cell, result in zip(cells, results, strict=True):
        said = _said(cell, found)
        shown = "diverged" if result.loss is None else nats(result.loss)
        off = f"{100 * (said / result.loss - 1):+.1f} %" if said is not None and result.loss else ""
        if found.prediction is not None and cell is found.prediction.cell:
            off += ", held back"
        sizes = f"{cell.parameters:,}", f"{cell.tokens:,}", f"{cell.flops:.3g}"
        made.append((str(cell.depth), f"{cell.data:,}", *sizes, shown, "" if said is None else nats(said), off))
    return made


def show(console: Console, cells: Sequence[Cell], results: Sequence[Result], found: Found) -> None:
    lines = [HEAD, *rows(cells, results, found)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(HEAD))]
    console.print()
    for line in lines:
        words = (word.rjust(width) for word, width in zip(line[:-1], widths, strict=False))
        console.print("  ".join([*words, line[-1]]).rstrip(), soft_wrap=True)


def text(cells: Sequence[Cell], results: Sequence[Result], found: Found) -> str:
    """Return the file: comma-separated, with every digit."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cell, result in zip(cells, results, strict=True):
        held = found.prediction is not None and cell is found.prediction.cell
        budget = "" if cell.budget is None else cell.budget
        numbers = cell.depth, cell.data, budget, cell.parameters, cell.tokens, cell.flops
        writer.writerow((*numbers, result.loss, _said(cell, found), "yes" if held else "no", result.diverged))
    return file.getvalue()


def _said(cell: Cell, found: Found) -> float | None:
    return None if found.law is None else float(found.law.loss(cell.parameters, cell.tokens))


def _between(low: float, high: float) -> str:
    least, most = EXPONENTS
    ends = [f"{end:g} is the end of what is looked for" for end in (low, high) if end in (least, most)]
    return f"{low:.3f} to {high:.3f}{' (' + ', '.join(ends) + ')' if ends else ''}"


def sentences(found: Found) -> list[str]:
    """Return the law, its exponents and its prediction, or why there is none, in words."""
    law, next = found.law, found.prediction
    if law is None or next is None:
        return [f"no law is fitted: {found.why}"]
    interval = f"90 % interval {nats(next.low)} to {nats(next.high)}"
    within = f"{'within' if next.inside else 'outside'} the interval, off by {100 * next.off:+.1f} %"
    said = f"predicted {nats(next.loss)}, {interval}, measured {nats(next.measured)}: {within}"
    terms = [
        f"{factor:.4g} / {name}^{power:.3f}"
        for factor, name, power in ((law.A, "parameters", law.a), (law.B, "tokens", law.b))
        if factor > 0  # else the cells show no difference that it makes
    ]
    a, b = (_between(*interval) for interval in (found.a, found.b))
    return [
        " + ".join([f"loss = {law.E:.4g}", *terms]),
        f"exponents, 90 % intervals: of parameters {a}, of tokens {b}",
        f"the largest cell, {next.cell.place}, held back from the fit: {said}",
    ]
