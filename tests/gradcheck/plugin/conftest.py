"""Runs of pytest with the plugin, in a folder and a process of their own."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest


class Run:
    """What a run printed, and how each test ended."""

    def __init__(self, done):
        self.status, self.out = done.returncode, done.stdout + done.stderr
        found = re.findall(r"^(PASSED|FAILED|ERROR|XFAIL) \S+?::(\S+)", self.out, re.MULTILINE)
        self.outcomes = {name: outcome for outcome, name in found}

    def failure(self, name):
        """Return what was printed about the failure of one test."""
        own = rf"(?ms)^_+ {re.escape(name)} _+$(.*?)^(?:_{{3,}}|-{{3,}}|={{3,}}) "
        return re.search(own, self.out)[1]

    @property
    def summary(self):
        section = re.search(r"^-+ gradcheck -+\n((?:[^=\n].*\n)*)", self.out, re.MULTILINE)
        return section[1].splitlines() if section else []


@pytest.fixture(scope="session")
def run_tests(tmp_path_factory):
    """run_tests(tests, *options) -> Run."""

    def run_tests(tests, *options):
        folder = tmp_path_factory.mktemp("suite")
        (folder / "test_layers.py").write_text(tests, encoding="utf-8")
        plugin = [] if entry_points(group="pytest11", name="gradcheck") else ["-p", "gradcheck.pytest_plugin"]
        words = ["-m", "pytest", "-rA", "-p", "no:cacheprovider", "--strict-markers", "-W", "error", *plugin, *options]
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
        return Run(
            subprocess.run(
                [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
            )
        )

    return run_tests


@pytest.fixture(scope="session")
def run(run_tests):
    """Return a run of the tests in layers.txt, in two processes of xdist."""
    tests = Path(__file__).with_name("layers.txt").read_text(encoding="utf-8")
    return run_tests(tests, "-n", "2", "--junitxml", "out.xml", "-o", "junit_family=xunit1")
