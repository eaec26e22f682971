"""A condition is named where something shows two cases of one: no error that fades, or that is not seen near by."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.diagnosis import elsewhere as module
from gradcheck.diagnosis.evidence import UNKNOWN

SAID = "condition"


def diagnosis(forward, backward, x, seed=0):
    (gradient,) = gradcheck.Checker(seed=seed)(pair(forward, backward), x).gradients
    assert gradient.verdict == "fail"
    return gradient.diagnosis


def drawn(seed, scale):
    return scale * np.random.default_rng(seed).normal(size=(4, 5))


def test_an_error_that_fades_as_numbers_grow_is_none_of_a_condition():
    """These claims are wrong everywhere, and right to the last bit where numbers are large."""
    told = diagnosis(
        lambda x: np.log1p(np.exp(x)), lambda x, dy: dy * np.exp(x) / (np.exp(x) + 1.5), drawn(3, 10.0), seed=3
    )
    assert SAID not in told
    told = diagnosis(
        lambda x: np.tanh(x) + x, lambda x, dy: dy * (1 + 4 * np.exp(-2 * np.abs(x))), drawn(3, 30.0), seed=3
    )
    assert SAID not in told


@pytest.mark.parametrize(("threshold", "seed"), [(0.3, 0), (-0.2, 1)])
def test_one_case_of_a_condition_is_named(threshold, seed):
    told = diagnosis(
        lambda x: np.where(x > threshold, 2 * x, x),
        lambda x, dy: dy * np.where(x > threshold, 3.0, 1.0),
        drawn(seed, 1.0),
    )
    assert "there the claim is wrong" in told


class Own:
    """Evidence of a row of four slopes of 1, the first of which is off."""

    def __init__(self, off, slack):
        self.name, self.at, self.x = "x", np.arange(4), np.arange(4.0)
        self.numeric, self.slack = np.ones((1, 4)), np.full((1, 4), slack)
        self.claimed = self.all_claimed = self.numeric + off * np.eye(1, 4)
        self.error, self.bad = off * np.eye(1, 4), np.abs(off * np.eye(1, 4)) > slack
        self.point = [self.x]

    def pull(self, arrays, g):
        return self.claimed


@dataclasses.dataclass
class Gathered:
    """What has been gathered at the own point, and beside it."""

    own: Own
    near_by: Own

    def evidence(self, leaf, own):
        return self.own

    def beside(self, leaf):
        return self.near_by


def told(monkeypatch, near, own, beside):
    monkeypatch.setattr(module, "seen", lambda evidence: "what is seen")
    return module.elsewhere(Gathered(own, beside), 0, near)


def test_it_is_right_near_by_only_where_as_large_an_error_would_be_seen(monkeypatch):
    right, own = Own(0.0, 1e-9), Own(0.1, 1e-9)
    assert told(monkeypatch, right, own, own).name == "branch"
    assert told(monkeypatch, right, own, right).name == "special values"
    assert told(monkeypatch, Own(0.0, 0.2), own, own) == dataclasses.replace(UNKNOWN, sentence="what is seen")
    assert told(monkeypatch, right, own, Own(0.0, 0.2)).name == "unknown"


def test_nor_is_it_a_condition_where_the_error_is_next_to_nothing(monkeypatch):
    right, own = Own(0.0, 1e-9), Own(1e-7, 1e-9)
    assert told(monkeypatch, right, own, own) == dataclasses.replace(UNKNOWN, sentence="what is seen")
