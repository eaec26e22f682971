import json

import gridded
import pytest

from reference.job.errors import JobError
from reference.job.grid_folder import GridFolder
from reference.training.files import DRAFT


@pytest.fixture
def written(tmp_path):
    """A folder with the log of one cell, the cell, and its result."""
    folder, (cell, *_) = GridFolder(tmp_path / "grid"), gridded.grid(epochs=2)
    (result, *_) = gridded.results([cell])
    folder.write(cell, result)
    return folder, cell, result


def test_what_is_written_is_read(written):
    folder, cell, result = written
    assert folder.read(cell) == result


def test_a_cell_that_diverged_is_done_too(written):
    folder, cell, _ = written
    (result,) = gridded.results([cell], diverged=(0,))
    folder.write(cell, result)
    assert folder.read(cell) == result and folder.read(cell).loss is None


def test_a_log_says_what_the_cell_was_and_last_what_came_of_it(written):
    folder, cell, result = written
    head, *epochs, last = map(json.loads, folder.log(cell).read_text().splitlines())
    assert head["cell"] == cell.run.entries()
    assert (head["parameters"], head["tokens"], head["flops"]) == (cell.parameters, cell.tokens, cell.flops)
    assert [line["epoch"] for line in epochs] == [1, 2]
    assert last == {"summary": {"held_out_loss": result.loss}}


def test_each_cell_has_a_log_of_its_own(tmp_path):
    folder, grid = GridFolder(tmp_path), [*gridded.grid(), *gridded.grid(seed=1), *gridded.grid(rate=0.1)]
    assert len({folder.log(cell) for cell in grid}) == len(grid) == 27


def test_a_log_of_another_cell_is_not_taken_for_it(written):
    folder, cell, _ = written
    (other, *_) = gridded.grid(epochs=2, seed=5)
    assert folder.read(other) is None
    folder.log(cell).rename(folder.log(other))
    assert folder.read(other) is None and folder.read(cell) is None


def test_a_log_that_is_cut_short_at_any_byte_is_not_done(written):
    folder, cell, result = written
    path = folder.log(cell)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        assert folder.read(cell) is None
    path.write_bytes(whole)
    assert folder.read(cell) == result


@pytest.mark.parametrize(
    "text",
    [
        "", "\n\n\n", "null\nnull\nnull", "[]\n[]", "3", "{}", '{"cell": {}}\n{"summary": 3}', "\xff" * 9, "[" * 9999,
        '{"cell": {}}\n{"summary": {"held_out_loss": NaN}}', '{"summary": {}}',
    ],
)  # fmt: skip
def test_anything_else_in_its_place_is_not_done(written, text):
    folder, cell, _ = written
    folder.log(cell).write_text(text, encoding="latin-1")
    assert folder.read(cell) is None


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-1.0", '"0.5"', "null", "[1]"])
def test_a_loss_that_is_no_number_is_not_done(written, wrong):
    folder, cell, result = written
    path = folder.log(cell)
    path.write_text(path.read_text().replace(json.dumps(result.loss), wrong))
    assert folder.read(cell) is None


def test_what_a_kill_left_behind_is_cleared_before_work(written):
    folder, cell, _ = written
    folder.log(cell).with_name(f".{folder.log(cell).name}.123{DRAFT}").touch()
    folder.path.joinpath(f".cells.csv.123{DRAFT}").touch()
    folder.path.joinpath("cells", f"mine{DRAFT}").touch()
    folder.expect_writable()
    assert sorted(path.name for path in folder.path.rglob("*") if path.is_file()) == sorted(
        [folder.log(cell).name, f"mine{DRAFT}"]
    )


def test_a_folder_in_the_place_of_a_file_is_one_line(written):
    folder, _, _ = written
    folder.report.mkdir()
    with pytest.raises(JobError, match=r"report\.html: must be a file, got a folder"):
        folder.expect_writable()


def test_a_file_in_the_place_of_the_logs_is_one_line_before_any_work(tmp_path):
    folder = GridFolder(tmp_path)
    folder.cells.touch()
    with pytest.raises(JobError, match=r"cells: must be a folder, got a file$"):
        folder.expect_writable(folder.cells)


@pytest.mark.parametrize("name", ["report.html", "losses.png", "isoflop.png", "cells.csv"])
def test_a_file_of_another_hand_is_found_where_there_was_no_grid(written, name):
    folder, cell, _ = written
    (folder.path / name).write_bytes(b"of an earlier grid, or of the user")
    folder.expect_writable(folder.cells)
    folder.log(cell).rename(folder.cells / "notes.jsonl")
    with pytest.raises(JobError, match=rf"/{name}: must be a file that 'scale' wrote, got another: move it"):
        folder.expect_writable(folder.cells)
