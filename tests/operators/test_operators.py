"""PyTorch's operators with their own backward as the claim: no false alarm, no crash, and planted errors are found."""

import zlib

import pytest
from operator_cases import DTYPES, cases, operators
from operator_lists import FAILS, NOT_TRIED, UNSEEN
from planted import KINDS, places, planted

import gradcheck
from gradcheck.adapters import torch_function

pytestmark = pytest.mark.filterwarnings("ignore")  # of PyTorch's, of its own functions
SOUGHT = 9  # samples of an operator that fails at some
DIGITS = 6  # with fewer a factor of 1.0001 may be hidden


def check(function, tensors):
    return gradcheck.check(torch_function(function), *tensors)


def test_a_right_backward_does_not_fail_and_an_error_in_what_passes_does(name, operator, dtype, most):
    found = cases(name, operator, dtype, SOUGHT if name in FAILS else most)
    assert bool(found) != (name in NOT_TRIED)
    reports = [check(case.function, case.tensors) for case in found]
    failing = [str(report) for report in reports if report.verdict == "fail"]
    assert bool(failing) == (name in FAILS), "\n".join(failing) or "its entry in the list is not needed any more"
    for k, (case, report) in enumerate(zip(found, reports, strict=True)):
        errors = places(case.function, case.tensors) if report.verdict == "pass" else []
        if min((g.digits for g in report.gradients if g.digits is not None), default=0) < DIGITS:
            errors = [(which, kind) for which, kind in errors if "factor" not in kind]
        if errors:
            which, kind = errors[(k + zlib.crc32(f"{name} {dtype}".encode())) % len(errors)]
            wrong = check(planted(case.function, which, KINDS[kind]), case.tensors)
            assert (wrong.verdict == "fail") != (name in UNSEEN), f"{kind} in the gradient of tensor {which}: {wrong}"


def test_the_lists_name_operators_that_there_are():
    names = {name for name, _ in operators()}
    assert {*FAILS, *NOT_TRIED, *UNSEEN} <= names


def test_at_least_999_of_1000_planted_errors_are_found():
    assert 1000 * len(UNSEEN) <= len(DTYPES) * (len(operators()) - len(FAILS) - len(NOT_TRIED))
