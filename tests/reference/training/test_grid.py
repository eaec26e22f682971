import pytest

from reference.core import tree
from reference.data.corpus import Corpus
from reference.scaling.flops import training
from reference.tasks.task import every
from reference.training.families import FAMILIES
from reference.training.grid import DEPTHS, cells, dial
from reference.training.state import begin

SMALL = {"task": "copy", "held-out": 10, "vocabulary": 8}


def test_every_depth_meets_every_amount_of_data_the_cheapest_first():
    grid = cells(SMALL, (2, 1), (50, 20))
    assert [(cell.depth, cell.data) for cell in grid] == [(1, 20), (1, 50), (2, 20), (2, 50)]
    assert [cell.place for cell in grid][-1] == "depth 2, data 50"
    assert [cell.flops for cell in grid] == sorted(cell.flops for cell in grid)


def test_each_compute_pays_for_as_many_sequences_as_it_can_at_each_depth():
    budgets = (2e8, 1e9)
    for cell in cells(SMALL, (1, 3), (), budgets):
        assert cell.budget in budgets and cell.place == f"depth {cell.depth}, compute {cell.budget:g}"
        each = training(cell.run.model, *cell.run.task.sizes)
        assert cell.flops <= cell.budget < cell.flops + each


def test_data_and_compute_may_stand_side_by_side():
    assert len(cells(SMALL, (1, 2), (20, 30, 40), (1e9,))) == 8


def test_the_sizes_of_a_cell_are_those_of_its_run():
    (cell,) = cells({**SMALL, "epochs": 3}, (2,), (50,))
    assert cell.parameters == sum(leaf.size for _, leaf in tree.leaves(begin(cell.run).model))
    assert cell.tokens == 3 * 50 * 8  # what is said: eight symbols for each sequence
    assert cell.flops == 3 * 50 * training(cell.run.model, 8, 8)


@pytest.mark.parametrize("family", every()["copy"].families)
@pytest.mark.parametrize("depth", [1, 3])
def test_from_a_depth_all_sizes_follow(family, depth):
    (cell,) = cells({**SMALL, "model": family}, (depth,), (20,))
    model = cell.run.model
    layers = [getattr(model, name) for name in ("layers", "encoder_layers", "decoder_layers") if hasattr(model, name)]
    assert set(layers) == {depth}
    assert (model.width, model.heads, model.hidden) == (32 * depth, depth, 128 * depth)
    assert cell.run.training.rate == 4e-3 / depth


def test_what_is_given_holds_for_all_cells():
    grid = cells({**SMALL, "width": 24, "heads": 2, "rate": 0.01, "epochs": 2}, (1, 2), (20,))
    assert {(cell.run.model.width, cell.run.model.heads, cell.run.training.rate) for cell in grid} == {(24, 2, 0.01)}
    assert {cell.run.training.epochs for cell in grid} == {2}


@pytest.mark.parametrize("task", [name for name, task in every().items() if "files" not in task.names()] + ["text"])
def test_every_task_has_a_usual_grid(task):
    grid = cells({"task": task})
    assert len(grid) == len(DEPTHS) * 4
    assert len({cell.data for cell in grid}) == 4


def test_the_rate_of_a_task_is_that_of_depth_two():
    task, family = every()["addition"], FAMILIES["decoder-only"]
    assert dial(task, family, 2)["rate"] == task.usual["rate"]
    assert dial(task, family, 8)["rate"] == task.usual["rate"] / 4


@pytest.mark.parametrize(
    ("given", "axes", "message"),
    [
        ({}, {"data": (10**6, 7000)}, r"held-out must add up to at most .*\(depth 1, data 1,000,000\)$"),
        ({}, {"compute": (1e3,)}, r"compute must pay for a sequence at depth 1, 1.*e\+06 flops, got 1000$"),
        ({"heads": 5}, {"data": (20,)}, r"heads must divide the width 32, got 5 \(depth 1, data 20\)$"),
        ({"widht": 5}, {"data": (20,)}, r"an entry must be a known one, such as width, got 'widht'"),
        ({"epochs": 0}, {"data": (20,)}, r"epochs must be at least 1, got 0 \(depth 1, data 20\)$"),
        ({"task": "cpy"}, {"data": (20,)}, r"a task must be a known one, such as copy, got 'cpy'"),
        ({}, {"depths": (10**9,)}, r"must be at most .*\(depth 1,000,000,000, data 125\)$"),
    ],
)
def test_a_grid_that_cannot_be_is_one_line_with_the_cell(given, axes, message):
    with pytest.raises((TypeError, ValueError), match=message) as error:
        cells({"task": "copy", **given}, **axes)
    assert "\n" not in str(error.value)


# Text


@pytest.fixture
def written(tmp_path):
    """A text, and the entries of a run of it."""
    (tmp_path / "a.txt").write_text("the cat sat on the mat, and the bat on the hat\n" * 40)
    return {"task": "text", "files": (str(tmp_path / "a.txt"),), "held-out": 3}


def test_cells_of_text_read_as_much_at_once_and_are_filled_up_to_batches(written):
    grid = cells(written, (1, 3), (30, 100))
    assert [cell.data for cell in grid] == [36, 108, 36, 108]
    shared = {(cell.run.training.batch, cell.run.task.context, cell.run.training.epochs) for cell in grid}
    assert shared == {(12, 64, 1)}
    assert [(cell.run.steps, cell.run.model.layers, cell.run.model.width) for cell in grid] == [
        (3, 1, 32), (9, 1, 32), (3, 3, 96), (9, 3, 96),
    ]  # fmt: skip
    for cell in grid:
        assert cell.tokens == 64 * cell.data
        assert cell.flops == cell.data * training(cell.run.model, 0, 64)


def test_compute_pays_for_whole_batches_of_text(written):
    for cell in cells(written, (1, 2), (), (3e9,)):
        assert cell.data % 12 == 0
        assert cell.flops <= 3e9 < cell.flops + 12 * training(cell.run.model, 0, 64)


def test_a_text_is_read_once_for_all_cells(written, monkeypatch):
    read, whole = [], Corpus.of
    monkeypatch.setattr(Corpus, "of", lambda *given: read.append(given) or whole(*given))
    grid = cells({**written, "tokenizer": "characters"}, (1, 2), (30, 60))
    assert len(read) == 1
    assert len({cell.run.task.digest for cell in grid}) == 1 and grid[0].run.task.digest


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"context": 10**6}, "context must be shorter than the text: .* got 1,000,000$"),
        ({"files": ("nowhere.txt",)}, "^nowhere.txt: "),
        ({"batch": 0}, r"batch must be at least 1, got 0 \(depth 1, data 30\)$"),
        ({"batch": "x"}, r"batch must be a whole number, got .*\(depth 1, data 30\)$"),
        ({"model": "encoder-only"}, "a family for text must be decoder-only, got encoder-only$"),
    ],
)
def test_a_text_that_cannot_be_is_one_line(written, given, message):
    with pytest.raises((TypeError, ValueError), match=message) as error:
        cells({**written, **given}, (1,), (30,))
    assert "\n" not in str(error.value)


def test_the_rows_of_a_table_cannot_be_drawn_as_a_cell_asks(tmp_path):
    (tmp_path / "a.tsv").write_text("a\tb\n" * 20)
    message = "a task must have as much data as a cell asks for, got pairs, of a file$"
    with pytest.raises(ValueError, match=message):
        cells({"task": "pairs", "files": (str(tmp_path / "a.tsv"),)}, (1,), (10,))
