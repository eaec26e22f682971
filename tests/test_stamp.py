"""Convergence is refused, in one line, unless every gradient test passed for the very same tree."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stamp as gate

pytest_plugins = ["pytester"]

TOOLS = Path(__file__).parent / "tools"
PYPROJECT = '[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib"]\n[tool.coverage.run]\nparallel = true\n'
TESTS = "import pytest\n\ndef test_one():\n    assert True\n\ndef test_two():\n    assert True\n"


class Tree:
    """A small tree, its packages installed beside it, and the gate to try on it."""

    def __init__(self, path, capsys):
        self.root, self.site, self.stamp, self.capsys = path / "root", path / "site", path / "gradients.stamp", capsys
        for name in ("reference/layers.py", "gradcheck/check.py", "specs/layers.md"):
            self.write(name, "1\n")
        # pytest loads the checker's plugin by its entry point, and finds this tree's package first
        for name in ("reference/__init__.py", "gradcheck/__init__.py", "gradcheck/pytest_plugin.py", "tox.ini"):
            self.write(name, "")
        self.write("pyproject.toml", PYPROJECT)
        self.write("tests/reference/test_layers.py", TESTS)
        self.write("tests/reference/test_models.py", TESTS)
        for tool in ("stamp.py", "complete.py", "noted.py", "probed.py"):
            self.write(f"tests/tools/{tool}", (TOOLS / tool).read_text(encoding="utf-8"))
        self.install()

    def write(self, name, text):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text, encoding="utf-8")

    def edit(self, name, old, new):
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def install(self):
        shutil.rmtree(self.site, ignore_errors=True)
        for package in ("reference", "gradcheck"):
            shutil.copytree(self.root / package, self.site / package)
        shutil.copytree(self.root / "specs", self.site / "reference" / "_specs")

    def says(self, *command):
        """Return the exit status of the gate and what it said, in this process."""
        status = gate.main([str(word) for word in command], self.root)
        said = self.capsys.readouterr()
        return status, said.out + said.err

    def verify(self):
        return self.says("verify", self.stamp)

    def gradients(self):
        """Run the command of the gradients environment, in a process of its own."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV", "TOX"))}
        environment = keep | {"PYTHONPATH": str(self.site), "COVERAGE_FILE": str(self.site / ".coverage")}
        command = [sys.executable, "tests/tools/stamp.py", "gradients", str(self.stamp)]
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)


def refused(line):
    """What a refusal looks like: status 1 and one line."""
    return 1, f"refused: {line}\n"


@pytest.fixture
def tree(tmp_path, capsys, monkeypatch):
    tree = Tree(tmp_path, capsys)
    monkeypatch.setattr(gate, "_location", lambda package: tree.site / package)
    monkeypatch.setattr(pytest, "main", lambda arguments: 0)  # the gradients pass, unless a test runs them for real
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    return tree


@pytest.fixture
def stamped(tree):
    assert tree.says("gradients", tree.stamp) == (0, "")
    return tree


def test_the_tree_whose_gradients_passed_is_let_through(stamped):
    assert stamped.verify() == (0, "")


def test_a_missing_stamp_is_refused(tree):
    assert tree.verify() == refused("the gradients must have passed for this tree, got no stamp; run tox -e gradients")


@pytest.mark.parametrize(
    "text", ['{"sha256": "abc', "", "{}", "[]", "3", '{"sha256":"abc"}', '{"files": [], "versions": {}}', "\0", "\xff"]
)
def test_a_garbled_stamp_is_refused(stamped, text):
    stamped.stamp.write_bytes(text.encode("latin-1"))
    assert stamped.verify() == refused(
        "the gradients must have passed for this tree, got a garbled stamp; run tox -e gradients"
    )


def test_a_stamp_that_is_right_but_for_its_digest_is_refused(stamped):
    content = json.loads(stamped.stamp.read_text(encoding="utf-8")) | {"sha256": "abc"}
    stamped.stamp.write_text(json.dumps(content), encoding="utf-8")
    assert stamped.verify() == refused(
        "the gradients must have passed for this tree, got a garbled stamp; run tox -e gradients"
    )


def test_a_stamp_is_whole_or_not_there(tree, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        tree.says("gradients", tree.stamp)
    assert not [path for path in tree.stamp.parent.iterdir() if path.is_file()]


@pytest.mark.parametrize(
    "name",
    [
        "reference/layers.py",
        "gradcheck/check.py",
        "specs/layers.md",
        "tests/reference/test_layers.py",
        "tests/tools/stamp.py",
        "pyproject.toml",
        "tox.ini",
    ],
)
def test_an_edited_byte_is_refused(stamped, name):
    stamped.write(name, (stamped.root / name).read_text(encoding="utf-8") + "\n")
    stamped.install()
    assert stamped.verify() == refused(
        f"the gradients must have passed for this tree, got a stamp with another {name}; run tox -e gradients"
    )


def test_new_and_missing_files_are_counted(stamped):
    stamped.write("reference/more.py", "")
    (stamped.root / "specs/layers.md").unlink()
    assert stamped.verify() == refused(
        "the gradients must have passed for this tree, got a stamp with another reference/more.py and 1 more; "
        "run tox -e gradients"
    )


@pytest.mark.parametrize("name", ["python", "numpy", "scipy"])
def test_another_version_of_what_computes_is_refused(stamped, monkeypatch, name):
    if name == "python":
        monkeypatch.setattr("platform.python_version", lambda: "4.0.0")
    else:
        right = gate.importlib.metadata.version
        monkeypatch.setattr("importlib.metadata.version", lambda asked: "9.0" if asked == name else right(asked))
    assert stamped.verify() == refused(
        f"the gradients must have passed for this tree, got a stamp with another {name}; run tox -e gradients"
    )


def test_caches_are_no_part_of_the_tree(stamped):
    for name in ("reference/__pycache__/layers.pyc", "tests/.pytest_cache/x", "specs/.layers.md.swp"):
        stamped.write(name, "cache")
    assert stamped.verify() == (0, "")


def test_an_installed_package_with_other_bytes_is_refused(stamped):
    (stamped.site / "reference/layers.py").write_text("2\n")
    line = refused("what is installed must have the bytes of the tree, got another reference/layers.py")
    assert stamped.verify() == line
    assert stamped.says("installed") == line
    assert stamped.says("gradients", stamped.stamp) == line
    assert not stamped.stamp.exists()


def test_an_installed_spec_with_other_bytes_is_refused(stamped):
    (stamped.site / "reference/_specs/layers.md").write_text("2\n")
    assert stamped.verify() == refused("what is installed must have the bytes of the tree, got another specs/layers.md")


def test_the_checkout_itself_is_refused(tree, monkeypatch):
    monkeypatch.setattr(gate, "_location", lambda package: tree.root / package)
    assert tree.says("installed") == refused(
        f"reference must be imported from an installed wheel, got {tree.root / 'reference'}"
    )


def test_a_package_that_is_not_installed_is_refused(tree, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    assert tree.says("installed") == refused("reference must be installed, got nothing of that name")


def test_gradients_takes_no_arguments(stamped):
    assert stamped.says("gradients", stamped.stamp, "-k", "one") == refused(
        "gradients takes no arguments, because a part proves nothing, got -k one"
    )
    assert not stamped.stamp.exists()


@pytest.mark.parametrize("name", ["PYTEST_ADDOPTS", "PYTEST_PLUGINS"])
def test_gradients_takes_no_arguments_from_the_environment(stamped, monkeypatch, name):
    monkeypatch.setenv(name, "-k one")
    assert stamped.says("gradients", stamped.stamp) == refused(
        f"gradients needs {name} unset, because a part proves nothing, got -k one"
    )
    assert not stamped.stamp.exists()


def test_a_wrong_command_is_refused(tree):
    assert tree.says("gradients") == refused(
        "stamp.py takes 'gradients FILE', 'verify FILE' or 'installed', got ['gradients']"
    )


def test_a_failed_run_leaves_no_stamp(stamped, monkeypatch):
    monkeypatch.setattr(pytest, "main", lambda arguments: 1)
    assert stamped.says("gradients", stamped.stamp) == (1, "")
    assert not stamped.stamp.exists()


def test_a_tree_that_changes_under_its_tests_leaves_no_stamp(stamped, monkeypatch):
    monkeypatch.setattr(pytest, "main", lambda arguments: stamped.write("specs/layers.md", "2") or 0)
    assert stamped.says("gradients", stamped.stamp) == refused(
        "the tree must stay as it is while its gradients are checked, got a change"
    )
    assert not stamped.stamp.exists()


def test_a_complete_run_of_tests_leaves_the_stamp_of_its_tree(tree):
    run = tree.gradients()
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(tree.stamp.read_text(encoding="utf-8")) == gate.stamp(tree.root)


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        (
            "tests/reference/test_layers.py",
            "def test_two",
            "pytest.skip('no', allow_module_level=True)\ndef test_two",
            "tests/reference/test_layers.py (skipped)",
        ),
        (
            "pyproject.toml",
            '"--import-mode=importlib"',
            '"--import-mode=importlib", "-k", "one"',
            "tests/reference/test_layers.py::test_two (deselected) and 1 more",
        ),
    ],
    ids=["skip", "subset"],
)
def test_an_incomplete_run_of_tests_leaves_no_stamp(stamped, name, old, new, line):
    stamped.edit(name, old, new)
    run = stamped.gradients()
    assert run.returncode == 1
    assert f"incomplete: every test must run, got {line}" in run.stdout.splitlines()
    assert not stamped.stamp.exists()


@pytest.mark.parametrize(
    ("test", "arguments", "line"),
    [
        ("def test_one(): assert True", (), None),
        ("def test_one(): pytest.skip('no')", (), "test_all.py::test_one (skipped)"),
        ("@pytest.mark.xfail\ndef test_one(): assert False", (), "test_all.py::test_one (expected to fail)"),
        ("@pytest.mark.xfail\ndef test_one(): assert True", (), "test_all.py::test_one (expected to fail)"),
        ("def test_one(): pytest.xfail('no')", (), "test_all.py::test_one (expected to fail)"),
        ("pytest.importorskip('nothing')", (), "test_all.py (skipped)"),
        ("def test_one(): assert True", ("-k", "zero"), "test_all.py::test_one (deselected)"),
        (
            "def test_one(): assert True",
            ("--deselect", "test_all.py::test_one"),
            "test_all.py::test_one (deselected)",
        ),
        ("def test_one(): assert True", ("--ignore", "test_all.py"), "test_all.py (nothing of it ran)"),
        ("def test_one(): assert True", ("--collect-only",), "test_all.py (nothing of it ran)"),
    ],
)
def test_a_test_left_out_is_named(pytester, test, arguments, line):
    pytester.makepyfile(test_all=f"import pytest\n{test}\n", test_zero="def test_zero(): pass\n")
    run = pytester.runpytest_inprocess("-p", "complete", "-p", "no:hypothesispytest", *arguments, pytester.path)
    assert run.ret == (0 if line is None else 1)
    told = [text for text in run.outlines if text.startswith("incomplete: every test must run, got ")]
    assert len(told) == (0 if line is None else 1)
    assert line is None or line in told[0]
