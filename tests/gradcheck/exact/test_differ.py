"""Where pullback and derivative are two numbers, and whether rounded constants are why."""

import math

import flint
import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.exact.answers import CONSTANTS, DIFFERS
from gradcheck.exact.differ import ALL, differing
from gradcheck.exact.gaps import Gaps
from gradcheck.exact.run import start
from gradcheck.subjects.problem import Problem

X = np.array([[0.5, -1.25, 2.0], [0.75, 3.0, -0.25]])
ROOT, INVERSE = math.sqrt(5), 1 / math.sqrt(5)
ODD = 0.7853298473912345  # a number of no form


def over_root(x):
    return x / ROOT


def by_inverse(x, dy):
    return dy * INVERSE


@pytest.fixture(autouse=True)
def bits():
    with flint.ctx.workprec(300):
        yield


def made(forward, backward, x):
    problem = Problem(pair(forward, backward), (x,), {})
    return Gaps(start(problem, [x], np.random.default_rng(0)), np.random.default_rng(1))


def answer(forward, backward, x=X):
    gaps = made(forward, backward, x)
    return differing(gaps, 0, gaps.of(0))


def test_the_entry_that_differs_most_is_told_with_both_numbers():
    def backward(x, dy):
        dx = dy * np.cos(x)
        dx[1, 2] += dx[1, 2] * 1e-18
        dx[0, 1] += dx[0, 1] * 1e-20
        return dx

    found = answer(np.sin, backward)
    assert (found.answer, found.index) == (DIFFERS, (1, 2))
    assert found.relative == pytest.approx(1e-18, rel=1e-9) and found.apart == pytest.approx(
        1e-18 * abs(float(found.derivative)), rel=1e-9
    )
    assert found.claimed != found.derivative and found.claimed[:16] == found.derivative[:16]
    assert float(found.claimed) == float(made(np.sin, backward, X).gradient()[0][1, 2])


def test_a_single_wrong_entry_of_many_is_halved_down_to():
    x = np.cos(np.arange(7.0 * ALL)).reshape(-1, 7)

    def backward(x, dy):
        dx = dy * np.cos(x)
        dx[31, 4] += dx[31, 4] * 2.0**-70
        return dx

    found = answer(np.sin, backward, x)
    assert found.index == (31, 4) and found.relative == pytest.approx(2.0**-70, rel=1e-9)


def test_a_gradient_that_should_be_zero_has_no_relative_difference():
    found = answer(lambda x: x[:, :2] * 1, lambda x, dy: np.concatenate([dy, dy[:, :1] * 1e-30], axis=1))
    assert (found.answer, found.relative, found.index[1]) == (DIFFERS, None, 2)
    assert str(found).startswith("is not zero as the derivative is: at [")


def test_constants_that_are_recognised_are_told_as_rounded():
    found = answer(over_root, by_inverse)
    assert found.answer == CONSTANTS and found.reason == "over_root, by_inverse" and found.digits > 80


def test_constants_of_no_form_are_told_as_rounded_within_what_their_rounding_makes():
    found = answer(lambda x: x * ODD, lambda x, dy: dy / (1 / ODD))
    assert found.answer == CONSTANTS and 15 < found.digits < 19


@pytest.mark.parametrize("error", [1e-14, 2e-18])
def test_no_rounding_excuses_an_error_that_it_does_not_make(error):
    """Constants of no form that both passes share move both alike: none of their rounding is left."""
    found = answer(lambda x: x * ODD, lambda x, dy: dy * ODD + dy * ODD * error)
    assert found.answer == DIFFERS and found.relative == pytest.approx(error, rel=1e-6)


def test_an_error_beside_rounded_constants_that_are_recognised_is_found():
    found = answer(over_root, lambda x, dy: dy * INVERSE + dy * INVERSE * 1e-18)
    assert found.answer == DIFFERS and found.relative == pytest.approx(1e-18, rel=1e-6)


def test_arrays_of_constants_are_constants():
    weights = np.linspace(0.1, 0.9, 3) * ODD
    found = answer(lambda x: x * weights, lambda x, dy: dy / (1 / weights))
    assert found.answer == CONSTANTS
    turned = np.diag(weights).T
    found = answer(lambda x: x @ np.diag(weights), lambda x, dy: dy @ turned + dy @ turned * 1e-17)
    assert found.answer == DIFFERS
