"""The table of verdicts."""

import itertools
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from reference.core.words import many
from reference.job import catalogue
from reference.job.boards import bar
from reference.job.verify import Verdict, verdicts

LEGEND = """\
digits   resolved, the least over the arrays of an example: by the complex step,
real     by real finite differences alone
derivs   derivatives compared, of single entries and along directions
evals    what it cost in forward passes, and in time (seconds)"""
SECOND = "symm     digits to which the derivative of the pullback is symmetric, by its differences"
HEAD = ("", "digits", "real", "derivs", "evals", "time")
COLOURS = {"pass": "green", "fail": "bold red", "kink": "bold red", "jump": "bold red", "inconclusive": "yellow"}

Row = tuple[str, str, tuple[str, ...], str]  # module, example, cells, style of the first


def show_verdicts(
    console: Console, seed: int, mapper: Callable = map, names: Sequence[str] = (), order: int = 1
) -> bool:
    """Print a verdict on every backward pass, or on those of these names, and the report of each that is not proved.

    With `order` 2 also on the derivative of each.  Return whether all are proved.
    """
    total = sum(1 for _ in catalogue.examples(seed, names))
    done, began = [], time.perf_counter()
    with bar(console) as progress:
        task = progress.add_task("proving backward passes", total=total, now="")
        for verdict in verdicts(seed, mapper, names, order):
            done.append(verdict)
            progress.update(task, advance=1, now=verdict.example.module)
    for line in _table(done, console.width, order):
        console.print(line, soft_wrap=True)
    for verdict in done:
        if not verdict.passed:
            console.print(f"\n{verdict.example.module}, {verdict.example.name}\n{verdict.report}", soft_wrap=True)
    legend = LEGEND if order == 1 else f"{LEGEND}\n{SECOND}"
    console.print(f"\n{legend}\n\n{_summary(done)} in {time.perf_counter() - began:.1f} s\n", soft_wrap=True)
    return all(verdict.passed for verdict in done)


def _table(done: Sequence[Verdict], width: int, order: int) -> Iterator[Text]:
    head = HEAD if order == 1 else (*HEAD[:3], "symm", *HEAD[3:])
    rows = [(v.example.module, v.example.name, _cells(v, order), COLOURS[v.word]) for v in done]
    return aligned("backward pass of", head, rows, width)


def aligned(title: str, head: Sequence[str], rows: Sequence[Row], width: int) -> Iterator[Text]:
    """Yield the lines: numbers as narrow as they are, names in what is left, a long one on several lines."""
    cells_of_all = [head, *(cells for _, _, cells, _ in rows)]
    widths = [1 + max(len(cells[column]) for cells in cells_of_all) for column in range(len(head))]
    room = max(width - sum(widths), 12)

    def line(name: str, cells: Sequence[str], indent: str = "", style: str = "") -> Iterator[Text]:
        first, *rest = textwrap.wrap(
            name, room, initial_indent=indent, subsequent_indent=3 * indent, break_on_hyphens=False
        )
        numbers = "".join(f"{cell:>{size}}" for cell, size in zip(cells[1:], widths[1:], strict=True))
        yield Text.assemble(f"{first:{room}} ", (f"{cells[0]:{widths[0] - 1}}", style), numbers)
        yield from map(Text, rest)

    yield from line(title, head)
    yield Text("-" * (room + sum(widths)))
    for module, group in itertools.groupby(rows, key=lambda row: row[0]):
        yield Text(module, style="bold")
        for _, name, cells, style in group:
            yield from line(name, cells, " ", style)


def _cells(verdict: Verdict, order: int) -> tuple[str, ...]:
    return (
        verdict.word,
        _number(verdict.digits),
        _number(verdict.real_digits),
        *([_number(verdict.symmetric_digits)] if order == 2 else ()),
        f"{verdict.compared:,}",
        f"{verdict.report.evaluations:,}",
        f"{verdict.seconds:.2f}",
    )


def _number(digits: float | None) -> str:
    return "zero" if digits is None else f"{digits:.1f}"


def _summary(done: Sequence[Verdict]) -> str:
    modules = len({verdict.example.module for verdict in done})
    passed = sum(verdict.passed for verdict in done)
    compared = sum(verdict.compared for verdict in done)
    return f"{passed} of {len(done)} examples of {many(modules, 'module')} proved, {compared:,} derivatives compared"
