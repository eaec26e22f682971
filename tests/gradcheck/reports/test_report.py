"""The report as an object, and the error that carries it."""

import pickle

import numpy as np
import pytest

import gradcheck
from gradcheck.reports.style import Style
from gradcheck.reports.text import render


def test_the_repr_is_short(reports):
    assert repr(reports["wrong"]) == "<Report Norm: fail>"


def test_the_text_is_that_of_a_plain_style(reports):
    assert str(reports["wrong"]) == render(reports["wrong"], Style())


def test_the_error_starts_with_the_verdict_and_holds_the_report():
    with pytest.raises(gradcheck.GradientError, match=r"^gradcheck double: fail") as caught:
        gradcheck.assert_gradients(double, np.array([1.0, 2.0]))
    assert caught.value.report.verdict == "fail"
    assert isinstance(caught.value, AssertionError)
    assert type(caught.value).__module__ == "gradcheck"


def double(x):
    return x * x, lambda dy: x * dy


def test_reports_and_errors_travel_between_processes(reports):
    for report in reports.values():
        error = pickle.loads(pickle.dumps(gradcheck.GradientError(report)))
        assert str(error) == str(report) and error.report.to_json() == report.to_json()


def test_reports_of_one_seed_are_equal(normal):
    one, two = (gradcheck.check(lambda x: (x * x, lambda dy: x * dy), normal(3)) for _ in range(2))
    assert one.gradients == two.gradients and one.reproducer == two.reproducer
