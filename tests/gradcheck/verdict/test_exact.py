"""Answers of balls beside verdicts of differences, which stay the arbiter of the code as it runs."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.exact.answers import CONSTANTS, DIFFERS, NOT_FOLLOWED, PROVED, Exact
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.exact import CONTRADICTED, with_exact
from gradcheck.verdict.facts import Gradient

X = np.array([[0.5, -1.25, 2.0], [0.75, 3.0, -0.25]])


def beside(verdict, answer, noise=0.0, bar=1e-12, reason=""):
    given = Gradient("x", (3,), verdict, bar=bar, reason=reason)
    (gradient,), findings = with_exact([given], [answer], [], noise)
    assert gradient.exact is answer
    return gradient, findings


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
@pytest.mark.parametrize("answer", [Exact(NOT_FOLLOWED), Exact(PROVED, 80.0), Exact(CONSTANTS, 80.0, "f")])
def test_neither_a_proof_nor_its_absence_changes_a_verdict(verdict, answer):
    gradient, findings = beside(verdict, answer)
    assert gradient.verdict == verdict and all(f.severity == "note" for f in findings)


def test_a_proof_of_what_differences_contradict_is_told():
    _, (finding,) = beside("fail", Exact(PROVED, 80.0))
    assert (finding.severity, finding.array) == ("note", "x") and "differences contradict it" in finding.message
    assert not beside("fail", Exact(PROVED, 80.0), reason="broken: alias")[1]


@pytest.mark.parametrize("verdict", ["pass", "inconclusive"])
def test_a_difference_within_the_bar_fails(verdict):
    answer = Exact(DIFFERS, relative=1e-18, apart=1e-18, index=(1,), claimed="1", derivative="2")
    gradient, (finding,) = beside(verdict, answer)
    assert gradient.verdict == "fail" and (finding.severity, finding.array) == ("fail", "x")
    assert finding.message == f"x: {answer}"


def test_one_that_differences_would_have_seen_is_a_contradiction():
    gradient, (finding,) = beside("pass", Exact(DIFFERS, relative=1e-3, apart=1e-3, index=(1,)))
    assert gradient.verdict == finding.severity == "inconclusive" and finding.message == f"x: {CONTRADICTED}"


def test_one_entry_of_many_is_seen_the_less():
    answer = Exact(DIFFERS, relative=1e-9, apart=1e-9, index=(1,))
    for shape, verdict in (((3,), "inconclusive"), ((300, 300), "fail")):
        (gradient,), _ = with_exact([Gradient("x", shape, "pass", bar=1e-12)], [answer], [], 0.0)
        assert gradient.verdict == verdict


@pytest.mark.parametrize(("bars", "verdict"), [(9.9, "fail"), (10.1, "inconclusive")])
def test_ten_bars_would_have_been_seen(bars, verdict):
    answer = Exact(DIFFERS, relative=1e-3, apart=bars * 0.5, index=(1,))
    (gradient,), _ = with_exact([Gradient("x", (1,), "pass", bar=0.5)], [answer], [], 0.0)
    assert gradient.verdict == verdict


def test_both_see_an_error_without_a_second_finding():
    gradient, findings = beside("fail", Exact(DIFFERS, relative=1e-3, apart=1e-3, index=(1,)))
    assert gradient.verdict == "fail" and not findings


def test_what_a_solver_leaves_open_is_no_difference():
    gradient, findings = beside("pass", Exact(DIFFERS, relative=1e-8, apart=1e-8, index=(1,)), noise=1e-6, bar=1e-6)
    assert gradient.verdict == "pass" and not findings
    for noise, verdict in ((0.25, "pass"), (0.125, "fail")):
        assert beside("pass", Exact(DIFFERS, relative=0.25, index=(1,)), noise=noise)[0].verdict == verdict


def test_notes_come_along():
    note = Finding("exact", "branches", "note")
    assert with_exact([], [], [note], 0.0) == ((), (note,))


def small(error):
    return pair(np.sin, lambda x, dy: dy * np.cos(x) + dy * np.cos(x) * error)


def test_an_error_that_no_float_shows_fails_an_exact_check_and_no_other():
    assert gradcheck.check(small(1e-18), X).verdict == "pass"
    report = gradcheck.check(small(1e-18), X, exact=True)
    assert report.verdict == "fail" and report.gradients[0].reason == "wrong by balls"
    assert report.gradients[0].exact.relative == pytest.approx(1e-18, rel=1e-9)
    assert [f.kind for f in report.findings if f.severity == "fail"] == ["exact"]
    assert "exact=True" in report.reproducer


def test_code_that_runs_otherwise_on_balls_is_a_contradiction():
    def backward(x, dy):
        return dy * np.cos(x) * (1 if isinstance(x, np.ndarray) else 1.5)

    report = gradcheck.check(pair(np.sin, backward), X, exact=True)
    assert report.verdict == "inconclusive" and CONTRADICTED in str(report)


def test_floats_that_fail_where_the_formula_holds_are_told():
    def backward(x, dy):  # the formula is right, its floats cancel
        return dy * ((np.cos(x) + 2.0**52) - 2.0**52)

    report = gradcheck.check(pair(np.sin, backward), X, exact=True)
    assert report.verdict == "fail" and report.gradients[0].exact.answer == PROVED
    assert "the formula holds, its floats do not" in str(report)


def test_other_numbers_of_a_report_stay_what_they_are():
    plain, exact = (gradcheck.Checker(exact=e)(small(0), X) for e in (False, True))
    assert [g.digits for g in plain.gradients] == [g.digits for g in exact.gradients]
    assert (plain.evaluations, plain.verdict) == (exact.evaluations, exact.verdict)
    assert plain.gradients[0].exact is None and exact.gradients[0].exact.digits > 80


def test_second_order_is_left_to_differences():
    report = gradcheck.check(lambda x: (x * x, lambda dy: 2 * x * dy), X, order=2, exact=True)
    assert report.gradients[0].exact.answer == PROVED and all(g.exact is None for g in report.gradients[1:])


def test_a_broken_contract_comes_first():
    report = gradcheck.check(lambda x: (np.sin(x), lambda dy: dy[0]), X, exact=True)
    assert report.verdict == "fail" and report.gradients[0].exact is None


@pytest.mark.parametrize("exact", [1, "yes", None])
def test_the_option_is_true_or_false(exact):
    with pytest.raises(TypeError, match=r"^gradcheck: exact must be True or False, got \w+$"):
        gradcheck.Checker(exact=exact)


def test_an_array_without_an_answer_is_no_row():
    with pytest.raises(ValueError, match="shorter"):
        with_exact([Gradient("x", (3,), "pass")], [], [], 0.0)
