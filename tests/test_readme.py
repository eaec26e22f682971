"""The README: its table has a row for every module with a pullback, and its commands and tests are those that run."""

import inspect
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import table

import gradcheck
from reference.job import catalogue

ROOT = Path(__file__).parents[1]
ROW = "| One | [layers/one](specs/layers/one.md) | 12 | 9 | 80 | proved |"
README = f"# Title\n\n{table.BEGIN}\n{table.HEAD}\n{ROW}\n{table.END}\n\nMore.\n"


def test_the_table_lists_every_module_under_the_title_of_its_spec():
    rows = table.parse((ROOT / "README.md").read_text(encoding="utf-8"))
    modules = [module.replace(".", "/") for module in catalogue.modules()]
    titles = {m: (ROOT / f"specs/{m}.md").read_text(encoding="utf-8").splitlines()[0] for m in modules}
    assert {module: f"# {title}" for module, (title, *_) in rows.items()} == titles
    assert list(rows) == modules


def test_digits_are_rounded_down(tmp_path):
    (tmp_path / "specs/layers").mkdir(parents=True)
    (tmp_path / "specs/layers/one.md").write_text("# One\n\nText.\n", encoding="utf-8")
    (tmp_path / "specs/verdicts.txt").write_text("one.1: equal; proved\none.2: equal; constant\n", encoding="utf-8")
    rows = table.render({"layers/one": (12.99, 9.01, 80.5)}, tmp_path)
    assert table.write(README, rows) == README


def test_the_table_is_read_as_it_is_written():
    assert table.parse(README) == {"layers/one": ("One", 12, 9, 80)}


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ("one.1: equal; proved\none.2: by name; composed\n", "composed"),
        ("one.1: equal; in balls\n", "in balls"),
        ("one.1: equal; proved\none.a: step; in balls\n", "proved"),
        ("other.1: equal; composed\none.1: equal; proved\n", "proved"),
    ],
)
def test_a_page_has_the_word_of_its_weakest_equation(tmp_path, lines, word):
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/verdicts.txt").write_text(lines, encoding="utf-8")
    assert table.word("layers/one", tmp_path) == word


def test_the_words_of_the_table_are_those_of_the_verdicts():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [row for line in lines if (row := table.ROW.fullmatch(line))]
    assert rows
    assert {row[2]: row[7] for row in rows} == {row[2]: table.word(row[2]) for row in rows}


def test_writing_leaves_the_rest_of_the_readme():
    assert table.write(README, "new") == f"# Title\n\n{table.BEGIN}\nnew\n{table.END}\n\nMore.\n"


@pytest.mark.parametrize("function", [table.parse, lambda text: table.write(text, "new")])
def test_a_readme_without_markers_is_one_clear_line(function):
    with pytest.raises(ValueError, match=r"^README\.md: the table must stand between .*, got [\w ]+$"):
        function("# Title\n")


def test_a_row_that_is_none_is_one_clear_line():
    with pytest.raises(ValueError, match=r"^README\.md: a row must be '.*', got '\| One \| 12 \|'$"):
        table.parse(README.replace("| One |", "| One | 12 |\n| One |"))


def test_the_test_command_of_the_readme_is_what_runs_for_every_change():
    command = "pip install tox && tox"
    for path in ("README.md", ".ci/run"):
        assert command in (ROOT / path).read_text(encoding="utf-8")


def test_the_tests_of_the_readme_pass(tmp_path):
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"))
    (tests,) = [block for block in blocks if "def test_" in block]
    (tmp_path / "test_readme.py").write_text(tests, encoding="utf-8")
    plugin = [] if entry_points(group="pytest11", name="gradcheck") else ["-p", "gradcheck.pytest_plugin"]
    words = [sys.executable, "-m", "pytest", "--strict-markers", "-W", "error", *plugin]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert f"{tests.count('def test_')} passed" in done.stdout, done.stdout + done.stderr
    assert "2 backward passes checked (2 pass)" in done.stdout


def test_every_option_of_a_checker_is_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.search(r"(?s)\| `gradcheck\.Checker\(\.\.\.\)` .*?\n\n", text)[0]
    options = set(inspect.signature(gradcheck.Checker).parameters)
    assert set(re.findall(r"`(\w+)=", rows)) == options
