"""What a grid found, on one page that can be sent to somebody."""

import html
from collections.abc import Mapping, Sequence

from reference.core.words import many
from reference.job import grid_table, report
from reference.job.grid_fit import Found, left_out
from reference.training.cells import Result
from reference.training.grid import FOLLOW, Cell

TERMS = """\
<p>Parameters are all numbers of a model; tokens those that it was trained to say, in each epoch anew; flops those of
the matrix products of forward and backward passes. An interval holds nine of ten laws that the cells might as well have
had.</p>"""


def page(cells: Sequence[Cell], results: Sequence[Result], found: Found, pictures: Mapping[str, bytes]) -> str:
    """Return the page: the law, its prediction, pictures (PNG, by their titles), all cells, and what they share.

    It says nothing of when and where: the same cells make the same page.
    """
    run = cells[0].run
    title = f"{run.task_name}: how the loss falls with size"
    missing = left_out(list(cells), list(results))
    own = {*FOLLOW, *_different(cells)}
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        _about(cells),
        *(f"<p>{html.escape(sentence)}.</p>" for sentence in grid_table.sentences(found)),
        TERMS if found.law is not None else "",
        *(f"<h2>{html.escape(name)}</h2>{report.image(name, data)}" for name, data in pictures.items()),
        "<h2>Cells</h2>",
        f'<div class="scroll">{report.table(grid_table.HEAD, grid_table.rows(cells, results, found), "n")}</div>',
        *(["<h2>Left out of the fit</h2>", report.table(("cell", "because"), missing)] if missing else []),
        "<h2>Settings that all cells share</h2>",
        report.settings(run, own),
        "<h2>Versions</h2>",
        report.versions(),
    ]
    return report.document(title, parts)


def _about(cells: Sequence[Cell]) -> str:
    run = cells[0].run
    models = f"{many(len(cells), 'model')} of the family <b>{html.escape(run.family_name)}</b>"
    made = f"{models}, {html.escape(run.task.title)}"
    return f"<p>{made}; each judged by {html.escape(run.task.judges)}.</p>"


def _different(cells: Sequence[Cell]) -> set[str]:
    """Return the settings in which cells differ."""
    first = cells[0].run.entries()
    return {name for cell in cells for name, value in cell.run.entries().items() if value != first[name]}
