"""Loading is free: pytest imports the plugin in every run, whether or not a test uses it."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import gradcheck

ROOT = Path(__file__).parents[3]


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    return done.stdout.split()


def test_the_plugin_loads_neither_numpy_nor_the_checker():
    loaded = python("import gradcheck.pytest_plugin, sys; print(*sys.modules)")
    assert not {"numpy", "scipy", "hypothesis"} & set(loaded)
    assert [name for name in loaded if name.startswith("gradcheck")] == ["gradcheck", "gradcheck.pytest_plugin"]


def test_the_package_loads_nothing_before_a_name_is_used():
    loaded = python("import gradcheck, sys; before = set(sys.modules); gradcheck.check; print(*before)")
    assert "numpy" not in loaded and "gradcheck.checker" not in loaded


def test_names_are_those_of_their_modules():
    from gradcheck.checker import Checker, assert_gradients, check
    from gradcheck.reports.report import Gradient, GradientError, Report
    from gradcheck.subjects.findings import Finding

    for thing in (Checker, Finding, Gradient, GradientError, Report, assert_gradients, check):
        assert getattr(gradcheck, thing.__name__) is thing
    assert gradcheck.adapters.__name__ == "gradcheck.adapters"
    assert set(gradcheck.__all__) <= set(dir(gradcheck))


def test_all_names_can_be_imported_at_once():
    names = python("from gradcheck import *; print(check.__name__, adapters.__name__)")
    assert names == ["check", "gradcheck.adapters"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'gradcheck' has no attribute 'chek'$"):
        _ = gradcheck.chek


def test_the_entry_points_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"gradcheck": "gradcheck.pytest_plugin"}
    assert project["scripts"]["gradcheck"] == "gradcheck.cli.main:main"
    for entry in entry_points(group="pytest11", name="gradcheck"):  # where it is installed
        assert entry.load().__name__ == "gradcheck.pytest_plugin"
