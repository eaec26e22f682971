import csv
import dataclasses
import io

import gridded
from rich.console import Console

from reference.job import grid_table
from reference.job.grid_fit import found


def made(**options):
    grid = gridded.grid(data=(100, 200, 400, 800))
    results = gridded.results(grid, **options)
    return grid, results, found(grid, results)


def test_a_row_says_what_was_measured_and_what_the_law_says():
    grid, results, law = made(diverged=(2,))
    rows = grid_table.rows(grid, results, law)
    assert all(len(row) == len(grid_table.HEAD) for row in rows)
    assert rows[2][5] == "diverged" and rows[2][7] == ""
    assert rows[-1][7].endswith("%, held back")
    assert sum("held back" in row[7] for row in rows) == 1
    assert rows[0][:4] == ("1", "100", f"{grid[0].parameters:,}", "800")


def test_the_file_has_every_digit():
    grid, results, law = made(diverged=(2,))
    head, *rows = csv.reader(io.StringIO(grid_table.text(grid, results, law)))
    assert tuple(head) == grid_table.COLUMNS and len(rows) == len(grid)
    for row, cell, result in zip(rows, grid, results, strict=True):
        named = dict(zip(head, row, strict=True))
        assert (int(named["parameters"]), int(named["flops"])) == (cell.parameters, cell.flops)
        assert named["held_out_loss"] == ("" if result.loss is None else repr(result.loss))
        assert float(named["law"]) == law.law.loss(cell.parameters, cell.tokens)
        assert named["diverged"] == result.diverged
    assert [row[-2] for row in rows] == [*["no"] * 11, "yes"]


def test_without_a_law_the_rest_is_there():
    grid = gridded.grid(depths=(1,), compute=(1e9,))
    results = gridded.results(grid)
    law = found(grid, results)
    assert {row[6:] for row in grid_table.rows(grid, results, law)} == {("", "")}
    assert grid_table.text(grid, results, law).count("\n") == len(grid) + 1
    (sentence,) = grid_table.sentences(law)
    assert sentence.startswith("no law is fitted: besides the largest cell, there must be at least 8 cells, got ")


def test_the_prediction_is_said_with_its_interval_and_whether_it_holds():
    _, _, law = made()
    said = grid_table.sentences(law)
    assert said[0].startswith("loss = ") and "/ parameters^" in said[0] and "/ tokens^" in said[0]
    assert said[1].startswith(f"exponents, 90 % intervals: of parameters {law.a[0]:.3f} to ")
    assert f"predicted {law.prediction.loss:.4f}, 90 % interval {law.prediction.low:.4f} to " in said[2]
    assert "within the interval" in said[2] if law.prediction.inside else "outside the interval" in said[2]


def test_on_the_screen_the_columns_stand_under_their_names():
    grid, results, law = made()
    console = Console(file=io.StringIO(), width=200)
    grid_table.show(console, grid, results, law)
    _, head, *lines = console.file.getvalue().splitlines()
    end = head.index("parameters") + len("parameters")
    assert [line[:end].split()[2] for line in lines] == [f"{cell.parameters:,}" for cell in grid]


def test_a_term_that_makes_no_difference_and_an_exponent_that_was_not_found_are_said():
    _, _, law = made()
    nothing = dataclasses.replace(law, law=dataclasses.replace(law.law, A=0.0), a=(0.01, 0.4))
    said = grid_table.sentences(nothing)
    assert "parameters" not in said[0] and "tokens^" in said[0]
    assert "of parameters 0.010 to 0.400 (0.01 is the end of what is looked for), of tokens " in said[1]
