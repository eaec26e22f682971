"""`Checker(workers=...)` says the same, bit for bit, wherever it sends the work."""

import concurrent.futures
import json
import multiprocessing
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from dask.distributed import Client, LocalCluster

sys.path.insert(0, str(Path(__file__).parent))
from subjects import PLACES, SUBJECTS, VERDICTS, record

HERE = Path(__file__).parent


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """elsewhere(): the processes, other than this one, that have run a subject."""
    monkeypatch.setenv(PLACES, str(tmp_path))
    return lambda: {path.name for path in tmp_path.iterdir()} - {str(os.getpid())}


@pytest.fixture
def serial(elsewhere):
    """What a check in this process says of each subject."""
    said = {name: record(name, 1) for name in SUBJECTS}
    assert {name: json.loads(text)[0] for name, text in said.items()} == VERDICTS
    assert not elsewhere()
    return said


def test_processes_by_number(serial, elsewhere):
    assert {name: record(name, 2) for name in SUBJECTS} == serial
    assert elsewhere()


def test_the_map_of_a_pool(serial, elsewhere):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert {name: record(name, pool.map) for name in SUBJECTS} == serial
    assert elsewhere()


def test_the_map_of_an_executor(serial, elsewhere):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert {name: record(name, pool.map) for name in SUBJECTS} == serial
    assert elsewhere()


def test_the_map_of_a_dask_client(serial, elsewhere):
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        assert {name: record(name, client.map) for name in SUBJECTS} == serial
    assert elsewhere()


def test_the_map_of_an_mpi_pool(serial, elsewhere):
    mpiexec = Path(sysconfig.get_path("scripts"), "mpiexec")
    futures = [sys.executable, "-m", "mpi4py.futures", str(HERE / "over_mpi.py"), str(HERE)]
    ran = subprocess.run([mpiexec, "-n", "3", *futures], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == serial
    assert len(elsewhere()) >= 2  # the one that asks, and those of the pool that were given work
