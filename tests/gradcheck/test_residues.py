"""A kink at zero, and the residue of a rounding among the inputs: nearer to the kink than any step."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

FORMS = {
    "modulus": (np.abs, np.sign),
    "one and the modulus": (lambda x: 1 + np.abs(x), np.sign),
    "number times its sign": (lambda x: x * np.sign(x), np.sign),
    "loss": (lambda x: np.abs(x).sum(), np.sign),
    "Laplace": (lambda x: np.exp(-np.abs(x)), lambda x: -np.sign(x) * np.exp(-np.abs(x))),
    "positive part": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
}


def verdict(forward, slope, x, seed):
    return gradcheck.Checker(seed=seed)(pair(forward, lambda x, dy: dy * slope(x)), x).verdict


def inputs(residue, size):
    return np.append(np.random.default_rng(3).normal(size=size), residue)


@pytest.mark.parametrize("size", [7, 400])
@pytest.mark.parametrize("residue", [1e-17, 1e-10])
@pytest.mark.parametrize("name", FORMS)
def test_a_right_slope_passes(name, residue, size):
    for seed in range(2):
        assert verdict(*FORMS[name], inputs(residue, size), seed) == "pass"


@pytest.mark.parametrize("residue", [1e-17, 1e-10])
@pytest.mark.parametrize("name", FORMS)
def test_a_wrong_one_fails_and_at_the_residue_alone_does_not_pass(name, residue):
    """Beside a one a step as small as the residue is lost."""
    forward, slope = FORMS[name]
    x = inputs(residue, 40)
    assert verdict(forward, lambda x: 1.01 * slope(x), x, 0) == "fail"
    assert verdict(forward, lambda x: slope(x) * np.where(np.abs(x) < 1e-6, 1.5, 1), x, 0) != "pass"


@pytest.mark.parametrize("residue", [1e-17, 1e-12, 1e-10])
def test_a_loss_of_a_difference_that_nearly_vanishes_passes_and_a_slope_beyond_its_own_fails(residue):
    """No step is as small as the difference: there its slopes to both sides are those of a kink."""
    rng = np.random.default_rng(3)
    x, target = rng.normal(size=(2, 12))
    x[3] = target[3] + residue

    def loss(factor):
        def slopes(x, target, dy):
            slope = dy * np.sign(x - target) * np.where(np.arange(12) == 3, factor, 1)
            return slope, -slope

        return pair(lambda x, target: np.abs(x - target).sum(), slopes)

    for seed in range(2):
        assert gradcheck.Checker(seed=seed)(loss(1.0), x, target).verdict == "pass"
        assert gradcheck.Checker(seed=seed)(loss(1.5), x, target).verdict == "fail"
