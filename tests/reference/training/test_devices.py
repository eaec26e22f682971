"""A run on a device: the same numbers as on the host, nothing leaves it in silence, and files are the host's."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from strict import Strict, home, there

from reference.core import tree
from reference.job import commands, run
from reference.job.files import Folder
from reference.training import checkpoint, devices, loop
from reference.training.errors import RunError
from reference.training.state import begin


def library(is_available=True):
    """What stands in for CuPy: arrays as strict as those of a device, whose numbers are NumPy's."""
    return SimpleNamespace(asarray=there, asnumpy=home, cuda=SimpleNamespace(is_available=lambda: is_available))


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", library())
    return devices.find("gpu")


def test_the_host_moves_nothing():
    x = np.arange(3.0)
    assert devices.find("cpu") is devices.HOST
    assert devices.HOST.there(x) is x and devices.HOST.back(x) is x


def test_without_the_library_or_without_a_card_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RunError, match=r"^device gpu must have CuPy: pip install 'backproof\[gpu\]' \(.+\)$"):
        devices.find("gpu")
    monkeypatch.setitem(sys.modules, "cupy", library(is_available=False))
    with pytest.raises(RunError, match=r"^device gpu must have a card that CUDA can use, got none$"):
        devices.find("gpu")


def test_a_model_goes_there_and_comes_home(gpu, tiny):
    model = begin(tiny()).model
    moved = gpu.moved(model)
    assert all(type(leaf) is Strict for _, leaf in tree.leaves(moved))
    for (name, a), (other, b) in zip(tree.leaves(model), tree.leaves(gpu.home(moved)), strict=True):
        assert name == other and type(b) is np.ndarray and np.array_equal(a, b)


@pytest.mark.usefixtures("sketchy", "one_order")
def test_a_run_there_has_the_bits_of_one_on_the_host(gpu, tiny, tmp_path):
    ends = []
    for name, device in (("host", devices.HOST), ("device", gpu)):
        folder = Folder(tmp_path / name)
        folder.expect_writable()
        terminal = Console(file=io.StringIO(), width=80, force_terminal=True)
        end = run.carry_out(tiny(), begin(tiny()), folder, terminal, device)
        assert all(type(leaf) is np.ndarray for _, leaf in tree.leaves((end.model, end.optimizer)))
        ends.append(folder.checkpoint.read_bytes())
    assert ends[0] == ends[1], "the checkpoint, byte for byte"


def test_states_of_a_run_there_are_there(gpu, tiny):
    state = begin(tiny())
    moved = state.moved(gpu.moved)
    after = next(loop.train(tiny(), moved, *loop.data(tiny()), gpu))
    assert {type(leaf) for _, leaf in tree.leaves((after.model, after.optimizer))} == {Strict}
    assert type(after.losses) is np.ndarray


@pytest.mark.usefixtures("gpu", "sketchy")
def test_the_command_takes_a_device_and_goes_on_on_another(tmp_path):
    given = {"out": tmp_path, "training": 32, "held-out": 16, "width": 8, "heads": 2, "hidden": 8, "epochs": 1}
    assert commands.train({**given, "device": "gpu", "schedule": "constant"}) == 0
    settings, state = checkpoint.load(Folder(tmp_path).checkpoint)
    assert state.step == settings.steps
    assert commands.train({"out": tmp_path, "resume": True, "epochs": 2}) == 0
    assert checkpoint.load(Folder(tmp_path).checkpoint)[1].step == 2 * settings.steps


def test_what_the_device_lacks_is_told_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RunError):
        commands.train({"out": tmp_path / "run", "device": "gpu"})
    assert not (tmp_path / "run").exists()
