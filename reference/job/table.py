"""The table of verdicts."""

import itertools
import time
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reference.job import catalogue
from reference.job.boards import bar
from reference.job.verify import Verdict, verdicts

LEGEND = """\
digits   resolved, the least over the arrays of an example: by the complex step,
real     by real finite differences alone
derivs   derivatives compared, of single entries and along directions
evals    what it cost, in forward passes"""
COLOURS = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}


def show_verdicts(console: Console, seed: int, mapper: Callable = map) -> bool:
    """Print a verdict on every backward pass, and the report of each that is not proved; return whether all are."""
    total = sum(1 for _ in catalogue.examples(seed))
    done, began = [], time.perf_counter()
    with bar(console) as progress:
        task = progress.add_task("proving backward passes", total=total, now="")
        for verdict in verdicts(seed, mapper):
            done.append(verdict)
            progress.update(task, advance=1, now=verdict.example.module)
    console.print(_table(done))
    for verdict in done:
        if not verdict.passed:
            console.print(f"\n{verdict.example.module}, {verdict.example.name}\n{verdict.report}", soft_wrap=True)
    console.print(f"\n{LEGEND}\n\n{_summary(done)} in {time.perf_counter() - began:.1f} s\n", soft_wrap=True)
    return all(verdict.passed for verdict in done)


def _table(done: Sequence[Verdict]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("backward pass of", overflow="fold")
    table.add_column("")
    for name in ("digits", "real", "derivs", "evals", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for module, group in itertools.groupby(done, key=lambda verdict: verdict.example.module):
        table.add_row(Text(module, style="bold"))
        for verdict in group:
            word = verdict.report.verdict
            table.add_row(
                Text(f" {verdict.example.name}"),
                Text(word, style=COLOURS[word]),
                _number(verdict.digits),
                _number(verdict.real_digits),
                f"{verdict.compared:,}",
                f"{verdict.report.evaluations:,}",
                f"{verdict.seconds:.2f}",
            )
    return table


def _number(digits: float | None) -> str:
    return "zero" if digits is None else f"{digits:.1f}"


def _summary(done: Sequence[Verdict]) -> str:
    modules = len({verdict.example.module for verdict in done})
    passed = sum(verdict.passed for verdict in done)
    compared = sum(verdict.compared for verdict in done)
    return f"{passed} of {len(done)} examples of {modules} modules proved, {compared:,} derivatives compared"
