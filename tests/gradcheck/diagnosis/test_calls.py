"""What becomes of a claim when it is asked for again."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.diagnosis.calls import Calls, cut
from gradcheck.numeric.reading import Place
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(5).normal(size=(3, 4))


@pytest.fixture
def calls():
    def calls(backward):
        problem = Problem(pair(np.sinh, backward), (X,), {})
        g = np.random.default_rng(6).uniform(0.5, 1.5, (1, X.size))
        near, own = (Place([x], np.sinh(x).ravel(), g) for x in (X + 0.1, X))
        return Calls(problem, near, own, problem.gradients(near.point, g))

    return calls


def test_a_right_claim_is_steady_linear_and_another_elsewhere(calls):
    found = calls(lambda x, dy: dy * np.cosh(x))
    assert not (found.unsteady(0) or found.bends(0) or found.repeats(0) or found.narrowed(0))
    assert found.rounding(0) < 1e-15


def test_what_a_claim_does_otherwise_is_seen(calls):
    draws = np.random.default_rng(7)
    assert calls(lambda x, dy: dy * draws.normal()).unsteady(0)
    assert calls(lambda x, dy: dy * np.abs(dy)).bends(0)
    assert calls(lambda x, dy: 3 * dy).repeats(0)


@pytest.mark.parametrize("to", ["float32", "float16"])
def test_a_rounding_of_dy_is_seen_and_one_of_what_it_is_multiplied_with_is_none(to, calls):
    found = calls(lambda x, dy: dy.astype(to) * np.cosh(x))
    assert found.narrowed(0) == to and 1e-9 < found.rounding(0) < 1e-2
    other = calls(lambda x, dy: dy * np.cosh(x).astype(to))
    assert other.narrowed(0) is None and other.rounding(0) < 1e-15


def test_a_claim_that_takes_no_notice_of_dy_is_no_narrow_one(calls):
    assert calls(lambda x, dy: np.cosh(x)).narrowed(0) is None
    assert calls(lambda x, dy: np.sign(dy) * np.cosh(x)).narrowed(0) is None
    assert calls(lambda x, dy: 0 * dy).rounding(0) == 0


def test_numbers_are_cut_as_a_cast_cuts_them():
    assert np.array_equal(cut(X, 24), X.astype(np.float32)) and np.array_equal(cut(X, 11), X.astype(np.float16))
