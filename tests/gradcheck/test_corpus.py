"""Every wrong backward pass of the corpus fails, no right one does; the report says which input, where and why."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

import gradcheck

sys.path.insert(0, str(Path(__file__).parent))
from corpus_loader import load
from corpus_names import leads_to_the_bug

CASES = load()
UNDECIDED = {  # right, and nothing sharper can be said of them
    "difference of equals": "below the noise",
    "floor between integers": "below the noise",
    "rounding, gradient zero": "below the noise",
    "softmax of one class": "below the noise",
    "layer norm, batch of none": "nothing was compared",
    "linear, batch of none": "nothing was compared",
    "sine of nothing": "nothing was compared",
    "softmax, batch of none": "nothing was compared",
}


def checked(case):
    """The report; the inputs are afterwards what they were."""
    before = [np.array(x) for x in case.inputs]
    subject = case.vjp or gradcheck.adapters.pair(case.forward, case.backward)
    report = gradcheck.check(subject, *case.inputs)
    assert all(map(np.array_equal, before, case.inputs)), "the check wrote to an input"
    return report


def parametrize(condition):
    return pytest.mark.parametrize("case", [c for c in CASES if condition(c)], ids=lambda case: case.name)


@parametrize(lambda case: case.kind == "right" and case.name not in UNDECIDED)
def test_right_ones_pass(case):
    report = checked(case)
    assert report.verdict == "pass", str(report)


@parametrize(lambda case: case.name in UNDECIDED)
def test_what_cannot_be_seen_is_not_claimed(case):
    report = checked(case)
    assert report.verdict == "inconclusive", str(report)
    assert any(UNDECIDED[case.name] in f.message for f in report.findings if f.severity == "inconclusive"), str(report)


def test_as_many_are_judged_as_are_promised():
    wrong = [case for case in CASES if case.contract or case.wrong_inputs]
    assert len(wrong) >= 120
    assert len({case.bug_class for case in wrong}) >= 20
    assert sum(case.kind == "right" and case.name not in UNDECIDED for case in CASES) >= 60


def test_of_the_battery_ten_bugs_fail_and_at_most_one_right_one_is_undecided():
    battery = load("battery")
    wrong, right = ({case.name for case in battery if case.kind == kind} for kind in ("wrong", "right"))
    assert (len(wrong), len(right)) == (10, 12)
    assert wrong | right <= {case.name for case in CASES}  # the tests above judge these
    assert len(right & set(UNDECIDED)) <= 1


def test_few_are_undecided():
    assert {case.name for case in CASES if case.kind == "right"} >= set(UNDECIDED)
    assert len(UNDECIDED) <= 0.02 * len(CASES)


def test_the_page_beside_other_checkers_says_these_verdicts():
    page = (Path(__file__).parents[2] / "specs/guides/peers.md").read_text(encoding="utf-8")
    wrong, right = (sum(case.kind == kind and not case.contract for case in CASES) for kind in ("wrong", "right"))
    must = f"| `gradcheck.check` | {wrong} | 0 | 0 | 0 | {right - len(UNDECIDED)} | 0 | {len(UNDECIDED)} | 0 |"
    row = next(line for line in page.splitlines() if line.startswith("| `gradcheck.check` |"))
    assert row == must, "tox -e peers -- --write writes the page"


@parametrize(lambda case: case.contract)
def test_broken_contracts_fail_and_lead_to_the_bug(case):
    report = checked(case)
    assert report.verdict == "fail", str(report)
    assert [f.message for f in report.findings if f.severity == "fail"]
    assert leads_to_the_bug(case, report), str(report)


@parametrize(lambda case: case.wrong_inputs)
def test_wrong_ones_fail_and_the_wrong_inputs_and_an_entry_are_named_and_lead_to_the_bug(case):
    report = checked(case)
    assert report.verdict == "fail", str(report)
    assert {i for i, g in enumerate(report.gradients) if g.verdict == "fail"} == set(case.wrong_inputs), str(report)
    for i, places in (case.wrong_coordinates or {}).items():
        assert flat_index(report.gradients[i].worst_index, case.inputs[i].shape) in places, str(report)
    assert leads_to_the_bug(case, report), str(report)


def flat_index(index, shape):
    return None if index is None else int(np.arange(math.prod(shape)).reshape(shape)[index])
