"""Evidence costs what it may, and is made once."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.diagnosis import gathering
from gradcheck.diagnosis.diagnose import explained
from gradcheck.subjects.problem import COST
from gradcheck.verdict.plan import LARGE


def test_a_diagnosis_of_a_large_array_costs_a_few_hundred_forward_passes(monkeypatch):
    spent = []

    def counting(compared, gradients, findings):
        def cost():
            return sum(COST[call] * count for call, count in compared.near.problem.count.items())

        before = cost()
        found = explained(compared, gradients, findings)
        spent.append(cost() - before)
        return found

    monkeypatch.setattr("gradcheck.checker.explained", counting)
    x = np.random.default_rng(3).normal(size=LARGE + 1)
    report = gradcheck.check(pair(lambda x: x * x, lambda x, dy: dy * x), x)
    assert report.gradients[0].cause == "factor"
    assert spent[0] <= 400


@pytest.mark.parametrize(("budget", "cause"), [(0, "unknown"), (60, "special values")])
def test_what_has_grown_too_dear_is_unknown_and_what_has_not_is_told(budget, cause, monkeypatch):
    monkeypatch.setitem(gathering.BUDGET, False, budget)
    at_zeros = pair(lambda x: np.where(x.real > 0, x, 0), lambda x, dy: dy * np.where(x == 0, 5, x > 0))
    (gradient,) = gradcheck.check(at_zeros, np.array([1.0, 0.0, -2.0, 0.0])).gradients
    assert (gradient.verdict, gradient.cause) == ("fail", cause)


def test_evidence_at_one_place_is_made_once(monkeypatch):
    seen = []

    def twice(compared, gradients, findings):
        gathered = gathering.Gathering(compared)
        places = ({}, {"own": True}, {"moved": 0}, {"moved": -1})
        made = [gathered.evidence(0, **place) for place in places]
        passes = dict(compared.near.problem.count)
        again = [gathered.evidence(0, **place) for place in places]
        seen.append((all(map(lambda a, b: a is b, made, again)), compared.near.problem.count == passes))
        return gradients

    monkeypatch.setattr("gradcheck.checker.explained", twice)
    gradcheck.check(pair(np.sinh, lambda x, dy: dy * np.exp(x)), np.arange(1.0, 5.0))
    assert seen == [(True, True)]


@pytest.fixture
def sampled(monkeypatch):
    """sampled(factor): the evidence of a check in which the gradient of a sine has this factor (n,)."""
    seen = []

    def looked(compared, gradients, findings):
        seen.append(gathering.Gathering(compared).evidence(0))
        return gradients

    def sampled(factor):
        x = np.random.default_rng(3).normal(size=factor.size)
        gradcheck.check(pair(np.sin, lambda x, dy: dy * np.cos(x) * factor), x)
        return seen.pop()

    monkeypatch.setattr("gradcheck.checker.explained", looked)
    return sampled


@pytest.mark.parametrize(("size", "count"), [(3000, 48), (LARGE + 1, 16)])
def test_a_sample_has_the_entries_that_are_known_to_be_wrong_and_others(size, count, sampled):
    """Else a few wrong entries among many were said to be right entry by entry."""
    wrong = [7, size // 3]
    evidence = sampled(np.where(np.isin(np.arange(size), wrong), 1.5, 1))
    assert evidence.at.size == count and (np.diff(evidence.at) > 0).all()
    assert evidence.at[evidence.bad.any(axis=0)].tolist() == wrong


def test_a_sample_of_wrong_entries_is_a_half_at_most(sampled):
    evidence = sampled(np.where(np.arange(3000) % 100 == 1, 1.5, 1))  # thirty of them
    assert evidence.at.size == 48 and 24 <= int(evidence.bad.any(axis=0).sum()) <= 26
