import io
import multiprocessing
import os
import signal
import threading

import gridded
import pytest
from rich.console import Console

from reference.job import grid_plots, plots, scale
from reference.job.errors import UsageError
from reference.job.grid_folder import GridFolder
from reference.job.run import Interrupted
from reference.training import room
from reference.training.cells import Result, trained
from reference.training.files import DRAFT


@pytest.fixture
def told(monkeypatch):
    """Cells are not trained: their results are told by a law.  The list is of the entries that were asked for."""
    asked = []

    def told(entries):
        asked.append(entries)
        cell = next(cell for cell in (*gridded.grid(), *gridded.grid(data=(800,))) if cell.run.entries() == entries)
        return gridded.results([cell])[0]

    monkeypatch.setattr(scale, "trained", told)
    monkeypatch.setattr(plots, "png", lambda _: b"PNG")
    return asked


@pytest.fixture
def carried(tmp_path):
    """carried(cells, **options): the results and what was printed, in one folder."""

    def carried(cells, **options):
        console = Console(file=io.StringIO(), width=120)
        results = scale.carry_out(cells, GridFolder(tmp_path / "grid"), console, **options)
        return results, console.file.getvalue()

    return carried


def files(tmp_path):
    return {path.name: path.read_bytes() for path in (tmp_path / "grid").rglob("*") if path.is_file()}


def test_every_cell_is_trained_once_the_largest_first(told, carried):
    grid = gridded.grid()
    results, text = carried(grid)
    assert told == [cell.run.entries() for cell in grid[::-1]]
    assert results == [gridded.results([cell])[0] for cell in grid]
    assert "the largest cell, depth 3, data 400, held back from the fit: predicted" in text
    assert text.rstrip().endswith("report.html, losses.png, isoflop.png, cells.csv")


def test_cells_that_are_done_are_not_trained_again(told, carried, tmp_path):
    carried(gridded.grid())
    first = files(tmp_path)
    told.clear()
    _, text = carried(gridded.grid())
    assert told == [] and "9 of 9 cells are done already" in text
    assert files(tmp_path) == first
    carried([*gridded.grid(), *gridded.grid(data=(800,))])
    assert [entries["training"] for entries in told] == [800, 800, 800]


@pytest.mark.parametrize("after", [0, 1, 5, 9])
def test_a_grid_that_is_broken_off_goes_on_to_the_same_files(told, carried, tmp_path, monkeypatch, after):
    count, whole = [], scale.trained

    def breaking(entries):
        if len(count) == after:
            raise KeyboardInterrupt
        count.append(entries)
        return whole(entries)

    monkeypatch.setattr(scale, "trained", breaking)
    if after < 9:
        with pytest.raises(Interrupted, match=f"interrupted: {after} of 9 cells are done, their logs are in ") as error:
            carried(gridded.grid())
        assert str(error.value).endswith("; the same command goes on")
        assert len(files(tmp_path)) == after
    monkeypatch.setattr(scale, "trained", whole)
    carried(gridded.grid())
    assert len(told) == 9
    resumed = files(tmp_path)
    for path in sorted((tmp_path / "grid").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    carried(gridded.grid())
    assert files(tmp_path) == resumed


def test_a_kill_while_a_log_is_written_leaves_no_log(told, carried, tmp_path, monkeypatch):
    def killed(self, target):
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", killed)
        with pytest.raises(SystemExit):
            carried(gridded.grid())
    assert files(tmp_path) == {}
    carried(gridded.grid())
    assert not any(name.endswith(DRAFT) for name in files(tmp_path))


def test_a_cell_that_diverges_is_recorded_and_left_out_by_name(told, carried, tmp_path, monkeypatch):
    whole = scale.trained

    def some(entries):
        diverged = entries["width"] == 64 and entries["training"] == 200
        return Result((), "the loss is not finite at step 2") if diverged else whole(entries)

    monkeypatch.setattr(scale, "trained", some)
    grid = gridded.grid(data=(100, 200, 400))
    _, text = carried(grid)
    assert "left out of the fit: depth 2, data 200: the loss is not finite at step 2" in text
    assert "no law is fitted: besides the largest cell, there must be at least 8 cells, got 7" in text
    assert len(files(tmp_path)) == 9 + 4
    told.clear()
    carried(grid)
    assert told == []


def test_a_grid_of_which_nothing_is_left_has_a_report_without_pictures(carried, tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "trained", lambda _: Result((), "the loss is not finite at step 1"))
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "losses.png").write_bytes(b"of another grid")
    _, text = carried(gridded.grid(depths=(1,)))
    assert "no law is fitted: no cell has a loss above 0" in text
    assert {"report.html", "cells.csv"} == {name for name in files(tmp_path) if not name.endswith(".jsonl")}


def test_processes_make_the_files_of_one(carried, tmp_path, sketchy, monkeypatch):
    monkeypatch.setattr(grid_plots, "losses", lambda *_: None)
    monkeypatch.setattr(grid_plots, "isoflop", lambda *_: None)
    grid = gridded.grid(depths=(1,), data=(20, 30))
    expected = [trained(cell.run.entries()) for cell in grid]
    assert carried(grid, workers=2)[0] == expected
    spread = files(tmp_path)
    for path in (tmp_path / "grid" / "cells").iterdir():
        path.unlink()
    assert carried(grid)[0] == expected
    assert files(tmp_path) == spread
    assert not multiprocessing.active_children()


def test_ctrl_c_in_the_middle_of_processes_leaves_nobody(carried, heard):
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(Interrupted, match="of 12 cells are done"):
        carried(gridded.grid(depths=(3,), data=range(4000, 4012)), workers=2)
    assert not multiprocessing.active_children()


# Memory


def test_the_largest_cell_that_does_not_fit_is_named(monkeypatch):
    grid = gridded.grid()
    monkeypatch.setattr(room, "memory", lambda: room.least(grid[-1].run) - 1)
    with pytest.raises(UsageError, match=r"a run must fit in memory, .* at least .* \(depth 3, data 400\)$"):
        scale.expect_room(grid, 1)


def test_cells_side_by_side_must_fit_together(monkeypatch):
    grid = gridded.grid()
    monkeypatch.setattr(room, "memory", lambda: 2 * room.least(grid[-1].run))
    for workers in (1, 2, map):
        scale.expect_room(grid, workers)
    with pytest.raises(UsageError, match=r"3 runs at the same time must fit in memory, .*: take fewer workers$"):
        scale.expect_room(grid, 3)
    monkeypatch.setattr(scale.os, "cpu_count", lambda: 3)
    with pytest.raises(UsageError, match="take fewer workers"):
        scale.expect_room(grid, -1)
