import io

import gridded
import pytest
from rich.console import Console

from reference.job import grid_board
from reference.job.grid_board import GridBoard, duration


@pytest.fixture
def shown(monkeypatch):
    """shown(cells, results, done, pace): what is printed where each flop takes `pace` seconds."""

    def shown(cells, results, done, pace):
        clock = [100.0]
        monkeypatch.setattr(grid_board.time, "monotonic", lambda: clock[0])
        console = Console(file=io.StringIO(), width=100)
        with GridBoard(console, cells, done) as board:
            for cell, result in zip(cells, results, strict=True):
                clock[0] += pace * cell.flops
                board.cell(cell, result)
        return console.file.getvalue().splitlines()

    return shown


def test_the_time_left_is_that_of_the_flops_left(shown):
    cells = gridded.grid(depths=(1, 2), data=(100, 200))
    pace = 600 / sum(cell.flops for cell in cells)
    lines = shown(cells[::-1], gridded.results(cells), 0, pace)
    for number, line in enumerate(lines[:-1]):
        left = sum(cell.flops for cell in cells[::-1][number + 1 :]) * pace
        assert line.endswith(f"about {duration(left)} left")
    assert "left" not in lines[-1]


def test_each_line_says_the_cell_its_loss_and_how_many_are_done(shown):
    cells = gridded.grid(depths=(1,), data=(100, 200))
    lines = shown(cells, gridded.results(cells, diverged=(1,)), 7, 1e-9)
    assert lines[0] == "7 of 9 cells are done already"
    assert lines[1].split()[:5] == ["8/9", "depth", "1,", "data", "100"] and "loss " in lines[1]
    assert lines[2].split() == ["9/9", "depth", "1,", "data", "200", "diverged"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.01, "1 s"), (89, "89 s"), (90, "2 min"), (5000, "83 min"), (9000, "2.5 h")]
)
def test_a_time_is_said_as_a_person_does(seconds, text):
    assert duration(seconds) == text
