"""When two cotangents are the same: as much as roundings are measured to make, and no more."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.contract.examine import Contract
from gradcheck.contract.likeness import measure_noise, natural, near, rounding, sensitivity
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(1).normal(size=8)
U = 2.0**-52


def contract(forward, backward, x=X):
    c = Contract(Problem(pair(forward, backward), (x,), {}), np.random.default_rng(2))
    c.examine()
    assert not c.fatal
    return c


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


def test_of_a_function_without_cancelling_terms_the_noise_is_its_rounding():
    c = contract(np.sin, lambda x, dy: np.cos(x) * dy)
    assert U / 4 < measure_noise(c) < 16 * U  # inputs change by up to four roundings


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_terms_that_cancel_leave_their_noise(size):
    c = contract(lambda x: (size + 1) * x - size * x, lambda x, dy: (size + 1) * dy - size * dy)
    assert U / 8 * size < measure_noise(c) < 64 * U * size


def test_a_change_that_no_rounding_makes_is_not_all_noise():
    x = np.array([1.0, 0.3, 0.7, 0.2])
    c = contract(lambda x: x + 1e9 * (x > 1), lambda x, dy: dy * 1, x)
    assert measure_noise(c) < 1


def test_noise_of_the_output_is_noise_of_a_cotangent_by_the_scale_of_its_array():
    large, small = (contract(lambda x, s=s: x * (1 / s), lambda x, dy, s=s: dy * (1 / s), s * X) for s in (1.0, 1e-3))
    assert 500 < natural(small, "x") / natural(large, "x") < 2000


def test_a_cotangent_may_change_by_many_of_the_changes_that_roundings_of_dy_make():
    c = contract(np.sin, lambda x, dy: np.cos(x) * dy)
    before = rounding(c, "x")
    c.jitter["x"] += 1.0
    assert rounding(c, "x") == pytest.approx(before + 1024, rel=1e-12)


def test_sensitivity_is_of_the_output_and_of_each_cotangent_and_no_kink_is_in_it():
    smooth = sensitivity(contract(np.sin, lambda x, dy: np.cos(x) * dy))
    assert len(smooth) == 2 and all(0 < s < 1e-12 for s in smooth)
    kink = np.array([1.0, -0.5, 0.3, 2.0])
    c = contract(lambda x: np.abs(x - 1), lambda x, dy: np.sign(x - 1) * dy, kink)
    assert sensitivity(c)[1] < 1e-9
