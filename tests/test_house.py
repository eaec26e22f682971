"""The house keeps its rules, and every rule is shown to fail where it is broken."""

import re
from pathlib import Path

import pytest
from house import columns, mathematics, pages, plan, rooms, sample, suite
from house.breaches import BREACHES, create
from house.tree import House

FLOORS = 8  # of the checker
ROOT = Path(__file__).parents[1]
PARTS = (columns, rooms, plan, pages, mathematics, suite)
RULES = {rule.__name__: rule for part in PARTS for rule in part.RULES}


@pytest.fixture(scope="module")
def house():
    """The house, of which every file is read and parsed once for all rules."""
    return House(ROOT)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_house_keeps_its_rules(rule, house):
    breaches = list(rule(house))
    if breaches:
        pytest.fail("\n".join((rule.__doc__, *breaches)), pytrace=False)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_sample_keeps_every_rule(rule, tmp_path):
    assert list(rule(House(sample.build(tmp_path)))) == []


@pytest.mark.parametrize(("rule", "breach", "message"), BREACHES, ids=[f"{b[0]}-{i}" for i, b in enumerate(BREACHES)])
def test_a_broken_rule_is_named_with_its_file_and_line(rule, breach, message, tmp_path):
    breach(sample.build(tmp_path))
    assert message in list(RULES[rule](House(tmp_path)))


def test_every_rule_is_shown_to_fail():
    assert {rule for rule, _, _ in BREACHES} == set(RULES)


def test_every_message_says_where_on_one_line():
    for _, _, message in BREACHES:
        assert re.match(r"[\w/.]+:\d+: \S", message)
        assert "\n" not in message


def test_hidden_folders_and_caches_are_not_part_of_the_house(tmp_path):
    sample.build(tmp_path)
    for path in ("reference/__pycache__/double.py", "reference/.cache/double.py"):
        create(path, "import torch\n")(tmp_path)
    assert all(module.room in columns.SEES or not module.room for module in House(tmp_path).code.values())
    assert list(columns.strangers(House(tmp_path))) == []


def test_a_step_that_is_proved_needs_no_check(tmp_path):
    page = sample.build(tmp_path) / "specs/functions/double.md"
    page.write_text(page.read_text(encoding="utf-8").replace("True\n", "", 1), encoding="utf-8")
    assert len(list(pages.executed(House(tmp_path)))) == 1
    create("specs/verdicts.txt", "double.1: equal; proved\ndouble.a: step; executed on numbers (a limit)\n")(tmp_path)
    assert len(list(pages.executed(House(tmp_path)))) == 1
    create("specs/verdicts.txt", "double.1: equal; proved\ndouble.a: step; proved\n")(tmp_path)
    assert list(pages.executed(House(tmp_path))) == []


def test_numbers_of_a_worked_example_check_no_step(tmp_path):
    page = sample.build(tmp_path) / "specs/functions/double.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("True\n", "", 1).replace("6.0\n", "6.0\n>>> subject(5.0)\n10.0\n"), encoding="utf-8")
    assert len(list(pages.executed(House(tmp_path)))) == 1


def test_an_import_for_types_alone_makes_no_cycle(tmp_path):
    sample.build(tmp_path)
    base = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from reference.functions.double import two\n"
    create("reference/core/base.py", f"{base}two = 2\n")(tmp_path)
    assert list(columns.acyclic(House(tmp_path))) == []
    assert len(list(columns.downward(House(tmp_path)))) == 1


def test_the_checker_stands_on_few_floors():
    assert max(rooms.floor(room) for room in rooms.SEES) <= FLOORS
