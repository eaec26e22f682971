"""The forward pass: it writes to nothing, is finite, repeats itself, and its numbers leave steps room."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.contract.forward import first_forward, measure_noise
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(1).normal(size=8)
U = 2.0**-52


def run(forward, *inputs):
    return first_forward(Problem(pair(forward, lambda *arguments: None), inputs, {}))


def noise(forward, x=X, large=False):
    return measure_noise(run(forward, x), U, large, np.random.default_rng(2))


def test_of_a_function_without_cancelling_terms_the_noise_is_its_rounding():
    assert U / 4 < noise(np.sin) < 16 * U  # inputs change by up to four roundings


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_terms_that_cancel_leave_their_noise(size):
    assert U / 8 * size < noise(lambda x: (size + 1) * x - size * x) < 64 * U * size


def test_a_change_that_no_rounding_makes_is_not_all_noise():
    assert noise(lambda x: x + 1e9 * (x > 1), np.array([1.0, 0.3, 0.7, 0.2])) < 1
