"""From differences to a derivative and its bar: what is believed, and what is not."""


import numpy as np
import pytest
from sweeps import U, one, swept

from gradcheck.numeric.extrapolate import FEWEST, estimate, estimates
from gradcheck.numeric.ladder import STEPS

SMOOTH = [
    (np.exp, 0.3, np.exp(0.3)),
    (np.sin, 2.0, np.cos(2.0)),
    (lambda t: 1 / (1 + t), 0.0, -1.0),
    (lambda t: np.sin(200 * t), 0.1, 200 * np.cos(20.0)),
    (lambda t: np.sin(64 * np.pi * t), 0.25, 64 * np.pi),
    (lambda t: 1e8 + t * t * t, 1.0, 3.0),
    (lambda t: 3.0 + 0 * t, 1.0, 0.0),
]


@pytest.mark.parametrize(("function", "x", "slope"), SMOOTH, ids=range(len(SMOOTH)))
def test_the_derivative_lies_within_the_bar(function, x, slope):
    e = one(function, x=x)
    assert abs(e["value"] - slope) <= e["bar"] + 4 * U * abs(slope)  # the slope itself is rounded here
    assert not e["kink"] and e["low"] == e["high"] == e["value"]


def test_of_a_smooth_function_many_digits_are_resolved():
    assert one(np.exp, x=0.3)["bar"] < 1e-11


def test_more_noise_makes_a_wider_bar():
    bars = [one(np.exp, noise=u)["bar"] for u in (U, 2.0**-24, 2.0**-11)]
    assert 1e5 * bars[0] < 1e2 * bars[1] < 1e5 * bars[2] and bars[0] < bars[1] < bars[2]


def test_small_steps_overrule_large_ones():
    """Slope 1 out to 1e-4, and 2 beyond: any number of large steps agree on what is wrong."""
    e = one(lambda t: t if abs(t) < 1e-4 else 2 * t - np.sign(t) * 1e-4, noise=2.0**-53)
    assert abs(e["value"] - 1) <= e["bar"] < 1e-6


def test_without_enough_steps_nothing_is_claimed():
    e = one(np.exp, steps=STEPS[: FEWEST - 1])
    assert not e["resolved"] and np.isinf(e["bar"]) and np.isnan(e["value"]) and not e["kink"]


def test_steps_out_of_the_domain_are_left_out():
    with np.errstate(invalid="ignore"):
        e = one(np.log, x=1e-3)
        root = one(np.sqrt, x=1e-12)
    assert abs(e["value"] - 1000) <= e["bar"] < 1e-3
    assert not root["resolved"]


def test_noise_that_nothing_explains_leaves_no_estimate_or_a_wide_one():
    rng = np.random.default_rng(1)
    e = one(lambda t: t + 1e-3 * rng.normal())
    assert not e["resolved"] or e["bar"] > 1e-4


def test_sweeps_of_one_form_are_worked_out_together_to_the_same_numbers():
    pairs = [swept(np.exp, x=0.3), swept(np.sin, x=1.0), swept(np.cos, x=1.0, steps=STEPS[3:11])]
    found = estimates([s for s, _ in pairs], [n for _, n in pairs], U)
    for e, (s, n) in zip(found, pairs, strict=True):
        alone = estimate(s, n, U)
        assert e.value == alone.value and e.bar == alone.bar
