"""Branches are counted in the tests that reach new ones, and every test runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from traced import CASES

TOOLS = Path(__file__).parent / "tools"
SUITE = {  # by file: its test, and how many cases there are of it
    "test_a_corpus.py": ("test_sum", 2),
    "test_b_sweep.py": ("test_sum", CASES + 2),
    "test_c_layers_held_out.py": ("test_sum", 2),
    "test_d_proved.py": ("test_backward_is_proved", 2),
    "test_e_caught.py": ("test_a_wrong_factor_is_caught", 2),
    "test_f_alone.py": ("test_sum", 1),
}
TEST = """
import pytest
import subject

@pytest.mark.parametrize("case", range({cases}))
def {test}(case):
    assert getattr(subject, f"{letter}{{case}}")() == 1
"""


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """The cases whose line was counted, as "b0": the letter of the file and the number; all have run."""
    folder = tmp_path_factory.mktemp("suite")
    names = [f"{file[5]}{case}" for file, (_, cases) in SUITE.items() for case in range(cases)]
    bodies = "".join(f"def {name}():\n    return 1\n" for name in names)
    (folder / "subject.py").write_text(bodies, encoding="utf-8")
    for file, (test, cases) in SUITE.items():
        (folder / file).write_text(TEST.format(test=test, cases=cases, letter=file[5]), encoding="utf-8")
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    environment = keep | {"PYTHONPATH": os.pathsep.join((str(TOOLS), str(folder))), "COVERAGE_CORE": "ctrace"}
    coverage = [sys.executable, "-m", "coverage"]
    suite = ["run", "--include", "subject.py", "-m", "pytest", "-q", "-p", "traced", "-p", "no:cacheprovider"]
    done, _ = (
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        for command in ([*coverage, *suite], [*coverage, "json", "-o", "found.json"])
    )
    assert f"{len(names)} passed" in done.stdout
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))["files"]["subject.py"]["executed_lines"]
    return [name for i, name in enumerate(names) if 2 * i + 2 in found]


def test_of_a_sweep_the_first_cases_are_counted(counted):
    assert [name for name in counted if name[0] == "b"] == [f"b{case}" for case in range(CASES)]


def test_what_repeats_the_same_lines_is_run_and_not_counted(counted):
    assert not [name for name in counted if name[0] in "acde"]


def test_after_all_of_them_it_is_counted_again(counted):
    assert counted[-1] == "f0"
