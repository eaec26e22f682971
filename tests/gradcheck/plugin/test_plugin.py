"""The fixture, the mark and the summary, as the tests in layers.txt see them."""

import re

PASS = [
    "test_right",
    "test_without_a_check",
    "test_in_a_fixture",
    "test_hypothesis",
    "test_kink_that_is_expected",
    "test_kink_in_one_of_several_checks",
    "test_kink_anywhere[on]",
    "test_kink_anywhere[off]",
    "TestKinksOfAClass::test_and_of_a_test",
    "test_property_of_the_same_name",
]
FAIL = {
    "test_wrong": "gradcheck.GradientError: gradcheck double: fail (",
    "test_kink_that_is_not_expected": "AssertionError: relu: the point lies at a kink of x, where any value between",
    "test_kink_elsewhere": "AssertionError: two: the point lies at a kink of x, where any value between",
    "test_kink_that_is_not_there": "gradcheck_kinks: no check of this test lay at a kink of z",
    "test_mark_with_a_number": "gradcheck_kinks must be given names of arrays, got (3,)",
    "test_mark_with_a_keyword": "gradcheck_kinks must be given names of arrays, got ('x',)",
    "test_that_fails_of_itself": "assert 1 == 2",
}


def test_every_test_ends_as_it_must_and_says_why(run):
    ends = {"test_inconclusive": "XFAIL"} | dict.fromkeys(PASS, "PASSED") | dict.fromkeys(FAIL, "FAILED")
    assert run.outcomes == ends, run.out
    for name, why in FAIL.items():
        assert why in run.failure(name)


def test_a_failure_shows_the_report_and_ends_in_the_users_test(run):
    text = run.failure("test_wrong")
    assert "where x is wrong: 3 of 3 entries" in text
    assert re.search(r"^test_layers\.py:\d+: GradientError$", text, re.MULTILINE) and "pytest_plugin.py" not in text


def test_a_kink_that_is_not_expected_comes_with_the_mark_to_paste(run):
    assert '@pytest.mark.gradcheck_kinks("x")' in run.failure("test_kink_that_is_not_expected")


def test_a_test_that_fails_of_itself_is_not_blamed_for_its_mark(run):
    assert "no check of this test" not in run.failure("test_that_fails_of_itself")


def test_the_summary_counts_what_all_processes_checked(run):
    counts, least = run.summary
    found = re.fullmatch(r"(\d+) backward passes checked \((\d+) pass, 1 inconclusive, 1 fail\), (\d+) deriv.*", counts)
    checked, passed, compared = map(int, found.groups())
    assert checked == passed + 2 and 18 <= checked <= 24  # hypothesis makes 5 of them, or a few more
    assert compared > 5 * checked  # some directions each, at two places
    assert re.fullmatch(r"least digits: 1\d\.\d, of [xz] of (sine|relu|two) in test_layers\.py::\S+", least)


def test_the_summary_is_the_same_in_one_process(run_tests):
    square = "lambda x: (x * x, lambda dy: 2 * x * dy)"
    tests = f"import numpy as np\n\ndef test_one(gradcheck):\n    gradcheck({square}, np.ones(3))\n"
    counts, _ = run_tests(tests).summary
    assert counts.startswith("1 backward pass checked (1 pass), ")


def test_a_run_without_checks_or_digits_tells_nothing_of_them(run_tests):
    tests = (
        "import numpy as np\n\ndef test_none(): pass\n\n"
        "def test_flat(gradcheck): gradcheck(lambda x: (0 * x, lambda dy: 0 * dy), np.ones(3))\n"
    )
    assert run_tests(tests, "-k", "none").summary == []
    assert len(run_tests(tests, "-k", "flat").summary) == 1


def test_the_mark_is_listed(run_tests):
    assert "@pytest.mark.gradcheck_kinks(*arrays): the point of a check" in run_tests("", "--markers").out


def test_assert_gradients_ends_in_the_users_line_too(run_tests):
    tests = (
        "import numpy as np\nimport gradcheck\n\n"
        "def test_plain():\n    gradcheck.assert_gradients(lambda x: (x * x, lambda dy: x * dy), np.ones(3))\n"
    )
    text = run_tests(tests).failure("test_plain")
    assert "gradcheck.GradientError: gradcheck <lambda>: fail (" in text
    assert re.search(r"^test_layers\.py:5: GradientError$", text, re.MULTILINE) and "checker.py" not in text


ERRORS = """
import numpy as np
import pytest
from gradcheck import assert_gradients, check
from gradcheck.adapters import module, pair

class Layer:
    def forward(self, x): return x
    def backward(self, dy): raise KeyError("W")

BROKEN = {
    "forward": pair(lambda x: x.nothing, np.multiply),
    "pullback": pair(np.sin, lambda x, dy: dy @ dy @ dy),
    "module": module(Layer()),
    "refused": np.sin,
}

@pytest.mark.parametrize("subject", BROKEN)
def test_one(subject): check(BROKEN[subject], np.ones((3, 4)))

def test_own(monkeypatch):
    monkeypatch.setattr("gradcheck.checker.examine", None)
    check(np.sin, np.ones(3))
"""


def test_frames_of_the_checker_are_left_out_but_where_it_errs_itself(run_tests):
    run = run_tests(ERRORS)
    assert set(run.outcomes.values()) == {"FAILED"} and len(run.outcomes) == 5
    for name in run.outcomes:
        text = run.failure(name)
        assert ("checker.py" in text) == (name == "test_own") and "test_layers.py" in text, text


def test_all_frames_are_there_for_who_asks(run_tests):
    assert "checker.py" in run_tests(ERRORS, "--full-trace", "-k", "module").out
