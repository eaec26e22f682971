"""No inconclusive verdict without a word on what to do."""

import ast
import inspect

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.reports import advice
from gradcheck.reports.report import Gradient
from gradcheck.subjects.findings import Finding
from gradcheck.verdict import (
    absorbed,
    below,
    conclude,
    fine_shape,
    handed,
    held,
    iterations,
    locate,
    own_jumps,
    verdicts,
)


def reasons(module, *fields):
    """The beginnings of all texts that a module hands over as one of `fields`, or names like that first."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Assign):
            named, value = getattr(node.targets[0], "id", ""), node.value
        elif isinstance(node, ast.keyword):
            named, value = node.arg, node.value
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_open":  # a verdict, with its reason
            named, value = fields[0], node.args[1]
        else:
            continue
        while named in fields and not isinstance(value, ast.Constant | ast.Name):
            if isinstance(value, ast.Call):  # next(reasons of comparisons, otherwise this one)
                value = value.args[-1]
            elif isinstance(value, ast.BoolOp):  # what a comparison says, or else this
                value = value.values[-1]
            else:
                value = value.values[0] if isinstance(value, ast.JoinedStr) else value.left
        if named in fields and isinstance(value, ast.Constant):
            yield value.value
        elif named in fields and isinstance(getattr(module, getattr(value, "id", ""), None), str):
            yield getattr(module, value.id)


REASONS = [*reasons(conclude, "why", "reason"), *reasons(verdicts, "reason"), *reasons(locate, "doubt")]
REASONS += [held.DOUBT, held.OF_MADE, held.OF_INPUTS, held.OF_OUTPUTS, handed.DOUBT, below.HIDDEN, below.DOUBT]
REASONS += [absorbed.DOUBT, fine_shape.DOUBT, iterations.DOUBT, own_jumps.EITHER]
REASONS += [verdicts.FIXED, verdicts.NO_ARRAY, verdicts.NO_OUTPUT]
DECIDED = ("broken: ", "straight through, as declared")  # those of verdicts that are not open
REASONS = [reason for reason in REASONS if not reason.startswith(DECIDED)]


def test_the_reasons_are_found():
    assert len(REASONS) >= 7 and "not compared" in REASONS


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_its_advice(reason):
    assert advice.for_gradient(Gradient("x", (), "inconclusive", reason=f"{reason} and more"))


def test_every_advice_has_its_reason():
    assert all(any(reason.startswith(start) for reason in REASONS) for start in advice.REASONS)


def test_a_verdict_needs_no_advice():
    assert not advice.for_gradient(Gradient("x", (), "fail", reason="not compared"))
    assert not advice.for_gradient(Gradient("x", (), "inconclusive", reason="of another kind"))


@pytest.mark.parametrize("reason", [verdicts.NO_ARRAY, verdicts.NO_OUTPUT])
def test_what_is_found_of_all_arrays_has_its_advice_once(reason):
    gradient, found = Gradient("x", (), "inconclusive", reason=reason), Finding("vacuous", reason, "inconclusive")
    assert not advice.for_gradient(gradient, [found])
    assert advice.for_finding(found) == advice.for_gradient(gradient, [Finding("note", "another", "note")]) != ""


@pytest.mark.parametrize("reason", advice.BESIDE)
def test_where_the_subject_refuses_what_lies_beside_the_point_the_advice_is_to_declare_its_domain(reason):
    gradient, refused = Gradient("x", (), "inconclusive", reason=reason), Finding("domain", "", "note")
    assert "Checker(domain=...)" in advice.for_gradient(gradient, [refused])
    assert advice.for_gradient(gradient, [Finding("complex", "", "note")]) == advice.REASONS[reason]
    assert any(found.startswith(reason) for found in REASONS)
    assert not advice.for_gradient(Gradient("x", (), "fail", reason=reason), [refused])
    other = Gradient("x", (), "inconclusive", reason="below the noise")
    assert advice.for_gradient(other, [refused]) == advice.REASONS["below the noise"]


@pytest.mark.parametrize("kind", advice.KINDS)
def test_findings_have_advice_where_they_leave_the_verdict_open(kind):
    assert advice.for_finding(Finding(kind, "", "inconclusive"))
    assert not advice.for_finding(Finding(kind, "", "note"))
    assert not advice.for_finding(Finding("gradient", "", "inconclusive"))


@pytest.mark.parametrize("start", advice.VACUOUS)
def test_where_nothing_was_checked_the_advice_fits_the_reason(start):
    finding = Finding("vacuous", f"{start}: nothing was checked", "inconclusive")
    assert advice.for_finding(finding) == advice.VACUOUS[start]
    assert start in inspect.getsource(verdicts)


def test_all_kinds_of_reports_advise_to_declare_a_domain_that_the_subject_refuses_to_leave():
    def norm(p):
        assert abs(p.sum() - 1) < 1e-12, "must sum to one"
        return (p * p).sum()

    report = gradcheck.check(pair(norm, lambda p, dy: 2 * p * dy), np.array([0.5, 0.375, 0.125]))
    assert report.verdict == "inconclusive"
    assert f"what to do: {advice.DOMAIN}" in " ".join(str(report).split())
    assert "(AssertionError: must sum to one)" in str(report)
    assert report.to_dict()["gradients"][0]["advice"] == advice.DOMAIN and advice.DOMAIN in report.to_html()
