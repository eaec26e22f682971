"""When two cotangents are the same: as much as roundings are measured to make, and no more."""

import dataclasses

import numpy as np
import pytest
from promises import called

from gradcheck.adapters import pair
from gradcheck.contract.likeness import measure_rounding, near, sensitivity

X = np.random.default_rng(1).normal(size=8)
SINE = pair(np.sin, lambda x, dy: np.cos(x) * dy)


def rounding_of(call):
    return measure_rounding(call, np.random.default_rng(3))


def sensitivity_of(subject, x=X):
    call = called(subject, x)
    return sensitivity(call, rounding_of(call), np.random.default_rng(4))


def test_arrays_are_near_within_the_slack_and_of_one_shape():
    a = np.array([1.0, 2.0])
    assert near(a, a + 0.5, 0.5) and not near(a, a + 0.51, 0.5)
    assert not near(a, a[:1], np.inf) and near(a, [1.0, 2.0], 0.0)
    assert near(a, a + np.array([0.25, 0.5]), np.array([0.25, 0.5])) and not near(a, a + 0.5, np.array([0.25, 0.5]))


def test_what_is_not_a_number_is_near_itself_and_a_slack_that_is_none_judges_nothing():
    a = np.array([np.nan, np.inf, 1.0])
    with np.errstate(invalid="ignore"):  # as while the contract is examined
        assert near(a, a.copy(), 0.0) and not near(a, np.array([0.0, np.inf, 1.0]), 1.0)
    assert near(np.ones(2), np.zeros(2), np.nan)


def test_noise_of_the_output_is_noise_of_a_cotangent_by_the_scale_of_its_array():
    large, small = (
        rounding_of(called(pair(lambda x, s=s: x * (1 / s), lambda x, dy, s=s: dy * (1 / s)), s * X))
        for s in (1.0, 1e-3)
    )
    assert 500 < small.natural["x"] / large.natural["x"] < 2000


def test_a_cotangent_may_change_by_many_of_the_changes_that_roundings_of_dy_make():
    rounding = rounding_of(called(SINE, X))
    more = dataclasses.replace(rounding, jitter={"x": rounding.jitter["x"] + 1})
    assert more.of("x") == pytest.approx(rounding.of("x") + 1024, rel=1e-12, abs=0)


def test_sensitivity_is_of_the_output_and_of_each_cotangent_and_no_kink_is_in_it():
    smooth = sensitivity_of(SINE)
    assert len(smooth) == 2 and all(0 < s < 1e-12 for s in smooth)
    kink = np.array([1.0, -0.5, 0.3, 2.0])
    assert sensitivity_of(pair(lambda x: np.abs(x - 1), lambda x, dy: np.sign(x - 1) * dy), kink)[1] < 1e-9
