"""A pullback that refuses other points than the given one is compared there, as a forward pass that does is."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

X = np.random.default_rng(3).normal(size=(4, 5))


def sine(factor=1.0, accepts=lambda x, dy: np.array_equal(x, X)):
    def backward(x, dy):
        assert accepts(x, dy), "of another table"
        return factor * dy * np.cos(x)

    return pair(np.sin, backward)


NEAR = {
    "the given point alone": lambda x, dy: np.array_equal(x, X),
    "what lies near": lambda x, dy: np.abs(x - X).max() < 1e-6,
}


@pytest.mark.parametrize("accepts", NEAR.values(), ids=NEAR)
@pytest.mark.parametrize("seed", range(3))
def test_a_pullback_that_refuses_other_points_is_judged_at_the_given_one(accepts, seed):
    check = gradcheck.Checker(seed=seed)
    right, wrong = check(sine(accepts=accepts), X), check(sine(1.001, accepts), X)
    assert (right.verdict, wrong.verdict) == ("pass", "fail")
    assert right.gradients[0].method == "complex step"
    message = "the pullback refuses a point 5 % away (AssertionError: of another table): "
    for report in (right, wrong):
        (note,) = (f for f in report.findings if f.kind == "domain")
        assert (note.severity, note.message) == ("note", f"{message}it was checked at the given point only")


def test_a_pullback_that_refuses_other_cotangents_there_is_a_finding_with_its_words():
    first = []

    def accepts(x, dy):
        first.append(dy.copy())
        return np.array_equal(abs(dy), abs(first[0]))

    report = gradcheck.check(sine(accepts=accepts), X)
    found = {f.kind: f for f in report.findings}
    message = "the pullback refuses the given point for another dy: AssertionError: of another table"
    assert (found["refused"].severity, found["refused"].message) == ("inconclusive", message)
    assert report.verdict == "fail" and found["raises"].severity == "fail" and "domain" not in found
    assert [(g.verdict, g.reason) for g in report.gradients] == [("inconclusive", "not compared")]


def test_an_error_that_is_not_the_subjects_own_comes_through(monkeypatch):
    def broken(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr("gradcheck.verdict.refused.compare_all", broken)
    with pytest.raises(ZeroDivisionError):
        gradcheck.check(sine(accepts=lambda x, dy: True), X)
