"""A broken contract is its own diagnosis, and what is done to dy is said."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

X = np.random.default_rng(5).normal(size=(3, 4))

NONLINEAR = {
    "dy is ignored": np.ones_like,
    "sign of dy, or dy over": np.sign,
    "twice": lambda dy: dy * np.abs(dy),
    "without dy is added": lambda dy: dy + 0.2,
    "absolute value, a maximum": np.abs,
    "maximum or a mask": lambda dy: np.maximum(dy, 0),
    "clipped": lambda dy: np.clip(dy, -50, 50),
    "not linear in dy": lambda dy: dy * dy * dy / (dy * dy).mean(),
}


@pytest.mark.parametrize("words", NONLINEAR)
def test_what_is_done_to_dy_is_said(words):
    change = NONLINEAR[words]
    report = gradcheck.check(pair(np.sinh, lambda x, dy: change(dy) * np.cosh(x)), X)
    (gradient,) = report.gradients
    assert gradient.cause == "nonlinear", str(report)
    assert words in gradient.diagnosis


def test_a_remembered_dy_is_told_from_one_that_is_ignored():
    def remembers(x):
        seen = []

        def pullback(dy):
            seen.append(dy)
            return seen[0] * np.cosh(x)

        return np.sinh(x), pullback

    (gradient,) = gradcheck.check(remembers, X).gradients
    assert (gradient.cause, "earlier call" in gradient.diagnosis) == ("nonlinear", True)


BROKEN = {
    "shape": lambda x, dy: dy[0],
    "dtype": lambda x, dy: (dy * np.cosh(x)).astype(np.float32),
    "finite": lambda x, dy: np.where(x == x.max(), np.inf, dy * np.cosh(x)),
    "missing": lambda x, dy: None,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_contract_is_its_own_diagnosis(kind):
    (gradient,) = gradcheck.check(pair(np.sinh, BROKEN[kind]), X).gradients
    assert gradient.verdict == "fail"
    assert gradient.cause == kind and gradient.diagnosis
