import dataclasses

import gridded
import pytest

from reference.job.grid_fit import found, left_out
from reference.training.cells import Result

SOLVED = Result(({"epoch": 1, "held_out_loss": 0.0},))


def test_the_largest_cell_is_predicted_from_the_others():
    grid = gridded.grid(data=(100, 200, 400, 800))
    results = gridded.results(grid, noise=0.002)
    said = found(grid, results).prediction
    assert said.cell is grid[-1] and said.measured == results[-1].loss
    assert said.low < said.loss < said.high and said.inside
    assert abs(said.off) < 0.05  # noise of 0.2 %, a step of four in compute away


def test_the_largest_cell_is_not_fitted():
    grid = gridded.grid()
    results = gridded.results(grid)
    wrong = [*results[:-1], Result(({"epoch": 1, "held_out_loss": 99.0},))]
    one, other = found(grid, results), found(grid, wrong)
    assert one.law == other.law and not other.prediction.inside


def test_the_same_grid_says_the_same():
    grid = gridded.grid()
    assert found(grid, gridded.results(grid)) == found(grid, gridded.results(grid))


def test_a_cell_that_diverged_is_left_out_by_name():
    grid = gridded.grid(data=(100, 200, 400, 800))
    results = gridded.results(grid, diverged=(2,))
    law = found(grid, results)
    assert law.law == found([*grid[:2], *grid[3:]], [*results[:2], *results[3:]]).law
    assert left_out(grid, results) == [(grid[2].place, "the loss is not finite at step 3")]


def test_where_the_largest_diverged_the_next_is_predicted():
    grid = gridded.grid(data=(100, 200, 400, 800))
    assert found(grid, gridded.results(grid, diverged=(11,))).prediction.cell is grid[10]


def test_a_task_that_is_solved_has_no_logarithm_and_is_left_out():
    grid = gridded.grid(data=(100, 200, 400, 800))
    results = [SOLVED, *gridded.results(grid)[1:]]
    assert found(grid, results).law is not None
    assert left_out(grid, results) == [(grid[0].place, "a loss of 0, of which there is no logarithm")]


@pytest.mark.parametrize(
    ("grid", "diverged", "why"),
    [
        (gridded.grid(), (0,), "besides the largest cell, there must be at least 8 cells, got 7"),
        (gridded.grid(depths=(1,)), (), "besides the largest cell, there must be at least 8 cells, got 2"),
        (
            gridded.grid(depths=(1, 2), data=(10, 20, 30, 40, 50)),
            (),
            "besides the largest cell, cells must have at least 3 numbers of parameters, got 2",
        ),
        (gridded.grid(), range(9), "no cell has a loss above 0"),
        (gridded.grid(), range(1, 9), "besides the largest cell, there must be at least 8 cells, got 0"),
    ],
)
def test_what_is_too_little_for_a_law_is_said(grid, diverged, why):
    law = found(grid, gridded.results(grid, diverged=diverged))
    assert (law.law, law.prediction, law.why) == (None, None, why)


def test_a_prediction_knows_whether_it_holds():
    grid = gridded.grid()
    said = found(grid, gridded.results(grid)).prediction
    assert dataclasses.replace(said, measured=said.low).inside
    assert not dataclasses.replace(said, measured=0.999 * said.low).inside
    assert dataclasses.replace(said, loss=1.1, measured=1.0).off == pytest.approx(0.1, rel=1e-9, abs=0)
