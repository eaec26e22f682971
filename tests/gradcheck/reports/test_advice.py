"""No inconclusive verdict without a word on what to do."""

import ast
import inspect

import pytest

from gradcheck.reports import advice
from gradcheck.reports.report import Gradient
from gradcheck.subjects.findings import Finding
from gradcheck.verdict import conclude, examination, gathering


def reasons(module, field="reason"):
    """The beginnings of all texts that a module writes into `reason`."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        pairs = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        elif isinstance(node, ast.keyword) and node.arg == "reason":
            pairs = [(ast.Attribute(attr="reason"), node.value)]
        for target, value in pairs:
            if isinstance(target, ast.Attribute) and target.attr == field:
                while not isinstance(value, ast.Constant):
                    if isinstance(value, ast.Call):  # next(reasons of comparisons, otherwise this one)
                        value = value.args[-1]
                    else:
                        value = value.values[0] if isinstance(value, ast.JoinedStr) else value.left
                yield value.value


MODULES = (conclude, examination, gathering)
REASONS = [reason for module in MODULES for reason in reasons(module) if reason != "broken: "]
REASONS += [reason for reason in reasons(gathering, "doubt") if not reason.isspace()]


def test_the_reasons_are_found():
    assert len(REASONS) >= 5 and "not compared" in REASONS


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_its_advice(reason):
    assert advice.for_gradient(Gradient("x", (), "inconclusive", reason=f"{reason} and more"))


def test_every_advice_has_its_reason():
    assert all(any(reason.startswith(start) for reason in REASONS) for start in advice.REASONS)


def test_a_verdict_needs_no_advice():
    assert not advice.for_gradient(Gradient("x", (), "fail", reason="not compared"))
    assert not advice.for_gradient(Gradient("x", (), "inconclusive", reason="of another kind"))


@pytest.mark.parametrize("kind", advice.KINDS)
def test_findings_have_advice_where_they_leave_the_verdict_open(kind):
    assert advice.for_finding(Finding(kind, "", "inconclusive"))
    assert not advice.for_finding(Finding(kind, "", "note"))
    assert not advice.for_finding(Finding("gradient", "", "inconclusive"))


@pytest.mark.parametrize("start", advice.VACUOUS)
def test_where_nothing_was_checked_the_advice_fits_the_reason(start):
    finding = Finding("vacuous", f"{start}: nothing was checked", "inconclusive")
    assert advice.for_finding(finding) == advice.VACUOUS[start]
    assert start in inspect.getsource(examination)
