"""A grid leaves the same files with processes, on Dask and by MPI, its cells one by one; what was killed goes on."""

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from dask.distributed import LocalCluster

WORDS = [
    "scale", "copy", "--depths", "1,2", "--data", "8,16", "--held-out", "6", "--length", "4", "--vocabulary", "5",
]  # fmt: skip


def words(folder, *start, more=()):
    """The words of a command, whose grid is in the folder."""
    return [*map(str, start), "-m", "reference", *WORDS, "--out", str(folder), *more]


def files(folder, *start, more=()):
    """Every file that a command leaves."""
    done = subprocess.run(
        words(folder, *start, more=more), cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The files of a grid that was trained in one process."""
    found = files(tmp_path_factory.mktemp("alone"), sys.executable)
    assert len([name for name in found if name.startswith("cells/")]) == 4
    return found


@pytest.fixture
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


def test_the_command_with_processes(alone, tmp_path):
    assert files(tmp_path, sys.executable, more=["--workers", "2"]) == alone


def test_the_command_with_dask(alone, tmp_path, cluster):
    assert files(tmp_path, sys.executable, more=["--dask", cluster.scheduler_address]) == alone


@pytest.mark.parametrize("processes", ["2", "3"])
def test_the_command_with_mpi(alone, tmp_path, processes):
    mpiexec = Path(sysconfig.get_path("scripts"), "mpiexec")
    start = [mpiexec, "-n", processes, sys.executable, "-m", "mpi4py.futures"]
    assert files(tmp_path, *start, more=["--mpi"]) == alone


def test_a_scheduler_that_goes_in_the_middle_leaves_the_cells_that_were_done(alone, tmp_path):
    more = ["--depths", "1", "--data", ",".join(map(str, range(300, 330)))]
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        run = subprocess.Popen(
            words(tmp_path, sys.executable, more=[*more, "--epochs", "2", "--dask", cluster.scheduler_address]),
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while not list(tmp_path.glob("cells/depth*.jsonl")):
            assert run.poll() is None, run.communicate()
            time.sleep(0.01)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 1
    assert said.startswith("python -m reference scale: the cluster at ") and said.count("\n") == 1, said
    assert 0 < len(list(tmp_path.glob("cells/depth*.jsonl"))) < 30
