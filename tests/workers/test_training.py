"""A run has the same bits with 1, 2, 4 and 8 workers, on processes, Dask and MPI, whichever of them are killed."""

import concurrent.futures
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from dask.distributed import Client, LocalCluster

from reference.training import checkpoint, loop
from reference.training.settings import Run
from reference.training.state import begin

ENTRIES = {
    "length": 4, "training": 24, "held-out": 6, "width": 8, "heads": 2, "hidden": 5, "batch": 16, "shards": 8,
    "epochs": 2, "dropout": 0.1, "vocabulary": 5, "optimizer": "adamw", "clip": 1.0,
}  # fmt: skip
WORDS = [word for name, value in ENTRIES.items() for word in (f"--{name}", str(value))]


def trained(workers, kill=None):
    """The hash of the checkpoint of a run; `kill` is called after every step."""
    run = Run.of(ENTRIES)
    for state in loop.train(run, begin(run), *loop.data(run), workers=workers):
        if kill is not None and state.step < run.steps:
            kill()
    return hashlib.sha256(checkpoint.written(run, state)).hexdigest()


def commanded(folder, *start, more=()):
    """The hash of the checkpoint that a command leaves."""
    done = subprocess.run(
        [*map(str, start), "-m", "reference", "train", *WORDS, "--out", folder, *more],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return hashlib.sha256(Path(folder, "checkpoint.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def alone():
    """The hash of a run in this process."""
    return trained(1)


@pytest.fixture
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_processes(alone, workers):
    assert trained(workers) == alone


def test_the_map_of_an_executor(alone):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert trained(pool.map) == alone


def test_the_map_of_a_dask_client(alone, cluster):
    with Client(cluster) as client:
        assert trained(client.map) == alone


def test_processes_that_are_killed_after_every_step(alone):
    killed = []

    def kill():
        child = multiprocessing.active_children()[0]
        os.kill(child.pid, signal.SIGKILL)
        killed.append(child.pid)

    assert trained(2, kill) == alone
    assert len(set(killed)) == 3


def test_workers_of_dask_that_are_killed_after_every_step(alone, cluster):
    killed = []

    with Client(cluster) as client:

        def kill():
            pid = next(iter(client.run(os.getpid).values()))
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

        assert trained(client.map, kill) == alone
    assert len(set(killed)) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_the_command_with_processes(alone, tmp_path, workers):
    assert commanded(tmp_path, sys.executable, more=["--workers", str(workers)]) == alone


def test_the_command_with_dask(alone, tmp_path, cluster):
    assert commanded(tmp_path, sys.executable, more=["--dask", cluster.scheduler_address]) == alone


@pytest.mark.parametrize("processes", ["2", "3", "5"])
def test_the_command_with_mpi(alone, tmp_path, processes):
    mpiexec = Path(sysconfig.get_path("scripts"), "mpiexec")
    start = [mpiexec, "-n", processes, sys.executable, "-m", "mpi4py.futures"]
    assert commanded(tmp_path, *start, more=["--mpi"]) == alone


def test_a_scheduler_that_goes_in_the_middle_is_one_line_and_the_checkpoint_is_whole(tmp_path):
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        words = ["train", *WORDS, "--epochs", "10000", "--dask", cluster.scheduler_address, "--out", tmp_path]
        run = subprocess.Popen(
            [sys.executable, "-m", "reference", *map(str, words)],
            cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while not (tmp_path / "checkpoint.safetensors").exists():
            assert run.poll() is None, run.communicate()
            time.sleep(0.01)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 1
    assert said.startswith("python -m reference train: the cluster at ") and said.count("\n") == 1, said
    checkpoint.load(tmp_path / "checkpoint.safetensors")
