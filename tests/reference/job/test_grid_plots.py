import dataclasses

import gridded
import numpy as np
import pytest

from reference.job import grid_plots, plots
from reference.job.grid_fit import found


def drawn(draw, diverged=(), **options):
    grid = gridded.grid(**options)
    results = gridded.results(grid, diverged=diverged)
    law = found(grid, results)
    return draw(grid, results, law), grid, results, law


def points(axes):
    """Every point that is marked by a dot, of a line with points."""
    lines = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    return {(float(x), float(y)) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}


def test_every_cell_stands_in_each_of_the_three_pictures():
    figure, grid, results, _ = drawn(grid_plots.losses, diverged=(3,))
    for axes, of in zip(figure.axes, grid_plots.SIZES.values(), strict=True):
        expected = {(float(of(cell)), r.loss) for cell, r in zip(grid, results, strict=True) if r.loss}
        assert points(axes) == expected


def test_lines_join_what_has_one_depth_or_one_amount_of_data():
    figure, *_ = drawn(grid_plots.losses)
    left, middle, right = ([line.get_label() for line in axes.lines if line.get_label()[0] != "_"]
                           for axes in figure.axes)  # fmt: skip
    assert left == ["data 100", "data 200", "data 400"]
    assert middle == right == ["depth 1", "depth 2", "depth 3"]


def test_lines_of_equal_compute_are_those_that_were_asked_for():
    figure, grid, results, _ = drawn(grid_plots.isoflop, data=(), compute=(1e9, 3e9, 9e9), depths=(1, 2, 3))
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:3] == ["1.0e+09 flops", "3.0e+09 flops", "9.0e+09 flops"]
    assert points(axes) == {(float(cell.parameters), r.loss) for cell, r in zip(grid, results, strict=True)}


def test_along_a_line_the_compute_is_equal():
    figure, grid, _, law = drawn(grid_plots.isoflop)
    (axes,) = figure.axes
    curve = next(line for line in axes.lines if len(line.get_xdata()) == grid_plots.POINTS)
    n, y = curve.get_xdata(), curve.get_ydata()
    cell = grid[0]
    budget = min(one.flops for one in grid)
    at = np.exp(np.interp(np.log(cell.parameters), np.log(n), np.log(y)))
    expected = law.law.loss(cell.parameters, budget / (cell.flops / cell.tokens))
    np.testing.assert_allclose(at, expected, rtol=1e-3, atol=0)  # read off a curve of 200 points


@pytest.mark.parametrize("draw", [grid_plots.losses, grid_plots.isoflop])
@pytest.mark.parametrize("options", [{}, {"depths": (1,), "data": (50,)}, {"diverged": range(8)}])
def test_pictures_are_made_of_any_grid_with_a_loss(draw, options):
    figure, *_ = drawn(draw, **options)
    assert plots.png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [grid_plots.losses, grid_plots.isoflop])
def test_no_legend_covers_a_line_and_the_whole_interval_is_seen(draw):
    figure, _, _, law = drawn(draw, depths=(1, 2, 3, 4), data=(100, 200, 400, 800))
    figure.canvas.draw()
    said = law.prediction
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert low < said.low < said.high < high
        legend = axes.get_legend().get_window_extent()
        assert not any(legend.overlaps(other.get_window_extent()) for other in figure.axes)


def test_an_interval_below_all_cells_is_seen_too():
    grid = gridded.grid()
    results, law = gridded.results(grid), found(grid, gridded.results(grid))
    low = dataclasses.replace(law.prediction, low=min(result.loss for result in results) / 9)
    (axes,) = grid_plots.isoflop(grid, results, dataclasses.replace(law, prediction=low)).axes
    assert axes.get_ylim()[0] < low.low
