import subprocess

import pytest

from reference.job import asked as asked_for
from reference.job import cli, clusters, scale
from reference.job.errors import JobError
from reference.job.scale_command import scale_up

WORDS = ("scale", "copy", "--held-out", "5")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What would be trained: the cells, the folder and the workers; nothing is."""
    monkeypatch.chdir(tmp_path)
    calls = []
    monkeypatch.setattr(scale, "carry_out", lambda cells, folder, _, workers: calls.append((cells, folder, workers)))
    return calls


def said(words, capsys):
    """The exit status and what stands on both streams."""
    try:
        status = cli.main(list(words))
    except SystemExit as error:
        status = error.code
    out, err = capsys.readouterr()
    return status, out, err


def test_a_task_may_stand_alone_or_with_its_option(asked, capsys):
    for words in (("scale", "sort", "--depths", "1"), ("scale", "--task", "sort", "--depths", "1")):
        assert said(words, capsys)[0] == 0
    (one, folder, _), (two, _, _) = asked
    assert one == two and {cell.run.task_name for cell in one} == {"sort"}
    assert folder.path.as_posix() == "runs/scale-sort"


def test_without_a_task_it_is_the_copy_task_with_the_usual_grid(asked, capsys):
    status, out, _ = said(["scale"], capsys)
    ((grid, folder, workers),) = asked
    assert (status, len(grid), workers, folder.path.as_posix()) == (0, 16, 1, "runs/scale-copy")
    assert out.startswith("copy: 16 cells, ")


def test_grid_settings_and_place_are_as_they_are_given(asked, capsys, tmp_path):
    (tmp_path / "grid.toml").write_text('rate = 0.01\nbatch = 8\nmodel = "decoder-only"\n')
    words = [*WORDS, "--depths", "2,1", "--data", "30", "--compute", "1e9,2e9", "--config", "grid.toml", "--batch", "4"]
    assert said([*words, "--workers", "2", "--out", "here"], capsys)[0] == 0
    ((grid, folder, workers),) = asked
    assert sorted((cell.depth, cell.budget or cell.data) for cell in grid) == [
        (1, 30), (1, 1e9), (1, 2e9), (2, 30), (2, 1e9), (2, 2e9),
    ]  # fmt: skip
    assert {(cell.run.training.rate, cell.run.training.batch, cell.run.family_name) for cell in grid} == {
        (0.01, 4, "decoder-only")
    }
    assert (folder.path.as_posix(), workers) == ("here", 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--depths", "1,x"], "argument --depths: must be whole numbers of at least 1, such as 1,2,4, got '1,x'"),
        (["--depths", ""], "argument --depths: must be whole numbers of at least 1, such as 1,2,4, got ''"),
        (["--depths", "0,1"], "argument --depths: must be whole numbers of at least 1, such as 1,2,4, got '0,1'"),
        (["--depths", "1,2,1"], "argument --depths: must be different numbers, got 1 more than once"),
        (["--depths", "2.5"], "argument --depths: must be whole numbers of at least 1, such as 1,2,4, got '2.5'"),
        (["--data", "-5"], "argument --data: must be whole numbers of at least 1, such as 1,2,4, got '-5'"),
        (["--data", "1,,2"], "argument --data: must be whole numbers of at least 1, such as 1,2,4, got '1,,2'"),
        (["--data", "99999999"], "training and held-out must add up to at most 6,561, as many sequences as "),
        (["--compute", "nan"], "argument --compute: must be numbers above 0, such as 1e9,4e9, got 'nan'"),
        (["--compute", "1e9,inf"], "argument --compute: must be numbers above 0, such as 1e9,4e9, got '1e9,inf'"),
        (["--compute", "5"], "compute must pay for a sequence at depth 1, "),
        (["--layers", "3"], "an option must be a known one, such as "),
        (["--keep", "3"], "an option must be a known one, such as "),
        (["--resume"], "an option must be a known one, such as --"),
        (["--depth", "3"], "an option must be a known one, such as --depths, got '--depth'"),
        (["--heads", "3"], "heads must divide the width 32, got 3 (depth 1, data "),
        (["--workers", "0"], "workers must be at least 1, or -1 for all cores, got 0"),
        (["--workers", "2", "--mpi"], "argument --mpi: not allowed with argument --workers"),
        (["--config", "none.toml"], "none.toml: cannot be read (No such file or directory)"),
    ],
)
def test_wrong_entries_are_one_line_and_status_2_before_any_work(asked, capsys, words, message):
    status, _, err = said([*WORDS, *words], capsys)
    assert err.startswith(f"python -m reference scale: {message}") and err.count("\n") == 1
    assert status == (1 if "none.toml" in words else 2)
    assert asked == []


def test_settings_of_a_file_that_follow_from_the_grid_are_one_line(asked, capsys, tmp_path):
    (tmp_path / "grid.toml").write_text("encoder-layers = 3\n")
    status, out, err = said([*WORDS, "--config", "grid.toml"], capsys)
    message = "encoder-layers must follow from --depths, --data or --compute, got encoder-layers 3"
    assert (status, out, err) == (2, "", f"python -m reference scale: {message}\n")


def test_what_says_nothing_of_the_cells_is_one_line(asked, capsys):
    status, out, err = said([*WORDS, "--factor", "0.5"], capsys)
    message = "factor must come with schedule step, got schedule linear"
    assert (status, out, err, asked) == (2, "", f"python -m reference scale: {message}\n", [])


def test_an_unknown_task_gives_the_nearest(asked, capsys):
    status, _, err = said(["scale", "sotr"], capsys)
    message = "task: a task must be a known one, such as sort, got 'sotr'"
    assert (status, err) == (2, f"python -m reference scale: {message}\n")


def test_what_does_not_fit_is_said_before_anything_starts(asked, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("reference.training.room.memory", lambda: 10**6)
    status, out, err = said([*WORDS, "--depths", "1,4"], capsys)
    assert (status, out) == (2, "") and "(depth 4, data 1,000)" in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_mpi_says_how_scale_is_started(asked, capsys):
    status, _, err = said([*WORDS, "--mpi"], capsys)
    assert status == 2 and "mpiexec -n 5 python -m mpi4py.futures -m reference scale --mpi" in err


@pytest.mark.parametrize("name", ["rich", "matplotlib", "safetensors"])
def test_extras_are_asked_for_before_any_work(asked, monkeypatch, name):
    there = asked_for.importlib.util.find_spec
    monkeypatch.setattr(asked_for.importlib.util, "find_spec", lambda one: None if one == name else there(one))
    with pytest.raises(JobError, match=f"{name} must be installed"):
        scale_up({})
    assert asked == []


def test_a_cluster_trains_the_cells(asked, monkeypatch):
    entered = []

    def workers(given, command):
        entered.append((given, command))
        return clusters.contextlib.nullcontext(map)

    monkeypatch.setattr(clusters, "workers", workers)
    monkeypatch.setattr("reference.job.scale_command.expect_extras", lambda *_: None)
    scale_up({"task": "copy", "dask": "there"})
    assert entered == [({"dask": "there"}, "scale")] and asked[0][2] is map


def test_the_command_trains_a_grid_and_goes_on_with_it(command, tmp_path):
    words = [*WORDS, "--depths", "1", "--vocabulary", "4", "--length", "3", "--batch", "5", "--data"]
    first = command(*words, "10,20")
    assert (first.returncode, first.stderr) == (0, "")
    second = command(*words, "10,20,40")
    assert "2 of 3 cells are done already" in second.stdout
    folder = tmp_path / "runs" / "scale-copy"
    names = {path.name for path in folder.iterdir()}
    assert names == {"cells", "cells.csv", "isoflop.png", "losses.png", "report.html"}


def test_a_killed_command_goes_on_and_leaves_no_process(command, tmp_path):
    words = [*WORDS, "--depths", "1,2", "--data", "10,20,1000", "--workers", "2"]
    process = command(*words, start=subprocess.Popen)
    logs = tmp_path / "runs" / "scale-copy" / "cells"
    while not (logs.is_dir() and list(logs.glob("depth*.jsonl"))):
        assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    done = command(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert " of 6 cells are done already" in done.stdout
    assert len(list(logs.glob("depth*.jsonl"))) == 6
