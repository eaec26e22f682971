"""A thing by the file that it stands in."""

import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("home", ["./layers.py", "layers.py", "../{}/layers.py", "{}/layers.py"])
def test_a_file_is_named_by_its_path(home, run, folder):
    given = home.format(folder.name if ".." in home else folder)
    status, out, _ = run(f"{given}:wrong", "--input", "x=3")
    assert status == 1 and out.startswith("gradcheck wrong: fail")


def write(folder, path, text):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return str(path)


SINE = "import numpy as np\n\n\ndef f(x):\n    return np.sin(x), lambda dy: {} * np.cos(x) * dy\n"


@pytest.fixture(autouse=True)
def modules():
    """Leave Python's modules and path as they were."""
    modules, path = dict(sys.modules), list(sys.path)
    yield
    sys.modules.clear()
    sys.modules.update(modules)
    sys.path[:] = path


@pytest.mark.parametrize("name", ["my-layer.py", "json.py", "with space.py", "numpy.py"])
def test_a_file_may_be_called_as_no_module_or_as_another(name, run, folder):
    path = write(folder, Path("sub") / name, SINE.format(1))
    before = sys.modules["json"], sys.modules["numpy"]
    assert run(f"{path}:f", "--input", "x=3", "--workers", "2")[0] == 0
    assert (sys.modules["json"], sys.modules["numpy"]) == before


def test_two_files_of_one_name_are_two(run, folder):
    right, wrong = (write(folder, f"{where}/layer.py", SINE.format(factor)) for where, factor in (("a", 1), ("b", 2)))
    status, out, _ = run(f"{right}:f", f"{wrong}:f", "--input", "x=3")
    assert status == 1 and [line.split()[2] for line in out.splitlines() if line[:4] == "grad"] == ["pass", "fail"]


def test_a_file_in_a_package_finds_its_neighbours(run, folder):
    for path, text in (
        ("lib/__init__.py", ""),
        ("lib/inner/__init__.py", ""),
        ("lib/inner/sine.py", SINE.format(1)),
        ("lib/inner/user.py", "from .sine import f\nfrom lib.inner import sine\n"),
    ):
        write(folder, path, text)
    assert run("lib/inner/user.py:f", "--input", "x=3")[0] == 0
    assert run("lib/inner/user.py:sine.f", "--input", "x=3")[0] == 0


def test_an_error_in_a_file_says_where_and_leaves_no_half_a_module(run, folder):
    path = write(folder, "sub/json.py", "raise ValueError('half a module')\n")
    before = set(sys.modules)
    status, _, err = run(f"{path}:f", "--input", "x=3")
    assert status == 1 and err.splitlines()[-1] == f"gradcheck: raised while {path} was imported"
    assert not {name for name in set(sys.modules) - before if name.startswith("json")}


def test_a_folder_that_is_gone_is_no_error_of_its_own(run, folder, monkeypatch):
    path = write(folder, "layer.py", SINE.format(1))

    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "cwd", gone)
    assert run("no_such_module:f", "--input", "x=3")[::2] == (
        3, "gradcheck: there is no module 'no_such_module' here or on the path\n",
    )
    assert run(f"{folder / path}:f", "--input", "x=3")[0] == 0
