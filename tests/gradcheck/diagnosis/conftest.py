"""What is said of a layer with a planted bug, and what a pattern sees of it."""

import re

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.diagnosis import followed, retraced  # noqa: F401
from gradcheck.diagnosis.flows import Flows
from gradcheck.diagnosis.gathering import Gathering
from gradcheck.subjects.problem import Problem


@pytest.fixture
def named(monkeypatch):
    """Return a function that asserts the cause of all failing gradients, and words of the first one's sentence.

    Patterns speak by themselves: no steps of the forward pass go before them.
    """
    monkeypatch.setattr(retraced, "found", lambda *_: retraced.Told())

    def said(cause, words, forward, backward, *inputs):
        report = gradcheck.check(pair(forward, backward), *inputs)
        assert report.verdict == "fail", str(report)
        failing = [g for g in report.gradients if g.verdict == "fail"]
        assert {g.cause for g in failing} == {cause}, str(report)
        assert re.search(words, failing[0].diagnosis), failing[0].diagnosis
        assert "\n" not in failing[0].diagnosis

    return said


@pytest.fixture
def evidence(monkeypatch):
    """Return a function that gathers what there is to see of the first failing array of a layer."""

    def gathered(forward, backward, *inputs):
        kept = []

        def keep(compared, gradients, findings):
            kept.append((compared, gradients))
            return gradients

        monkeypatch.setattr("gradcheck.checker.explained", keep)
        gradcheck.check(pair(forward, backward), *inputs)
        ((compared, gradients),) = kept
        return Gathering(compared).evidence([g.verdict for g in gradients].index("fail"))

    return gathered


@pytest.fixture
def arrays():
    rng = np.random.default_rng(9)
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)


@pytest.fixture
def flows(arrays):
    """flows(forward, inputs): what flows back through a forward pass, by default a normalised layer."""

    def layer(x, w, b):
        z = np.tanh(x @ w + b)
        return (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True))

    def flows(forward=layer, inputs=arrays):
        problem = Problem(pair(forward, lambda *args: args[:-1]), inputs, {})
        return Flows(problem, inputs, np.random.default_rng(1))

    return flows
