"""A grid of runs with all that it shows and writes."""

import contextlib
import os
from collections.abc import Sequence

from rich.console import Console

from reference.job import grid_plots, grid_report, grid_table, plots
from reference.job.errors import UsageError
from reference.job.grid_board import GridBoard
from reference.job.grid_fit import found, left_out
from reference.job.grid_folder import GridFolder
from reference.job.run import Interrupted
from reference.training import files
from reference.training.cells import Result, trained
from reference.training.grid import Cell
from reference.training.jobs import jobs
from reference.training.process import deaf
from reference.training.room import shortage
from reference.training.workers import Workers


def expect_room(cells: Sequence[Cell], workers: Workers) -> None:
    """Raise unless the largest cells fit in memory, as many at the same time as there are processes here.

    Raises:
        UsageError: they do not; a cell that does not fit by itself is named.
    """
    for cell in reversed(cells):
        if (text := shortage(cell.run)) is not None:
            raise UsageError(f"{text} ({cell.place})")
    if isinstance(workers, int):
        count = (os.cpu_count() or 1) if workers == -1 else workers
        if (text := shortage(*(cell.run for cell in cells[-count:]))) is not None:
            raise UsageError(f"{text}: take fewer workers")


def carry_out(cells: Sequence[Cell], folder: GridFolder, console: Console, workers: Workers = 1) -> list[Result]:
    """Train what has not been trained, the most expensive first; write its logs, then table, pictures and report.

    Raises:
        Interrupted: by Ctrl-C; the logs of cells that are done stay, and the same grid goes on with the others.
        RunError: a file could not be written, or processes died.
    """
    logs = {cell.place: folder.read(cell) for cell in cells}
    left = [cell for cell in reversed(cells) if logs[cell.place] is None]
    try:
        with jobs(workers) as spread, GridBoard(console, left, len(cells) - len(left)) as board:
            for number, result in spread(trained, [cell.run.entries() for cell in left]):
                cell = left[number]
                folder.write(cell, result)
                logs[cell.place] = result
                board.cell(cell, result)
        results = [result for cell in cells if (result := logs[cell.place]) is not None]
        _report(cells, results, folder, console)
    except KeyboardInterrupt:
        with deaf():
            ready = sum(result is not None for result in logs.values())
            said = f"interrupted: {ready:,} of {len(cells):,} cells are done, their logs are in {folder.path / 'cells'}"
            raise Interrupted(f"{said}; the same command goes on") from None
    return results


def _report(cells: Sequence[Cell], results: list[Result], folder: GridFolder, console: Console) -> None:
    law = found(list(cells), results)
    grid_table.show(console, cells, results, law)
    console.print()
    for sentence in grid_table.sentences(law):
        console.print(sentence, soft_wrap=True)
    for name, why in left_out(list(cells), results):
        console.print(f"left out of the fit: {name}: {why}", soft_wrap=True)
    pictures = {}
    if any(result.loss for result in results):
        pictures["Loss against parameters, tokens and compute"] = plots.png(grid_plots.losses(cells, results, law))
        pictures["Equal compute"] = plots.png(grid_plots.isoflop(cells, results, law))
    with contextlib.suppress(FileNotFoundError):
        for path in (folder.losses, folder.isoflop):
            path.unlink()  # of another grid
    for path, data in zip((folder.losses, folder.isoflop), pictures.values(), strict=False):
        files.write(path, data)
    files.write(folder.table, grid_table.text(cells, results, law).encode())
    files.write(folder.report, grid_report.page(cells, results, law, pictures).encode())
    there = ", ".join(path.name for path in folder.files if path.exists())
    console.print(f"\nwritten to {folder.path}: {there}", soft_wrap=True)
