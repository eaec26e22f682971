"""None for an input means that nothing depends on it: right where that is so, and a failure where it is not."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import cached, pair
from gradcheck.adapters.absent import absent, said_of, with_zeros

X, Y = np.array([0.3, -0.7, 1.1]), np.array([0.5, 1.5, -0.2])
NOTHING = "no gradient for x, on which the output depends: the backward returns none"
TAKEN = "the backward returns no gradient for x, taken as zero: right if nothing depends on it"

BACKWARDS = [lambda x, y, dy: (None, np.cos(y) * dy), lambda x, y, dy: {"y": np.cos(y) * dy}]


def alone(x, y):
    return np.sin(y)


@pytest.mark.parametrize("backward", BACKWARDS)
def test_none_passes_where_nothing_depends_on_the_input(backward):
    for x in (X, X.astype(np.float32), X + 1j):
        report = gradcheck.check(pair(alone, backward), x, Y)
        assert report.verdict == "pass" and TAKEN in {f.message for f in report.findings if f.severity == "note"}


@pytest.mark.parametrize("backward", BACKWARDS)
@pytest.mark.parametrize("forward", [lambda x, y: np.sin(y) + x, lambda x, y: np.sin(y) * x.sum()])
def test_it_fails_where_the_output_does(forward, backward):
    report = gradcheck.check(pair(forward, backward), X, Y)
    assert report.verdict == "fail" and NOTHING in {f.message for f in report.findings if f.severity == "fail"}
    assert {g.name: g.verdict for g in report.gradients}["x"] == "fail"


def test_a_forgotten_return_is_one_for_the_only_input():
    report = gradcheck.check(pair(lambda x: np.sin(x), lambda x, dy: None), X)
    assert report.verdict == "fail" and NOTHING in {f.message for f in report.findings}


def test_so_it_is_with_a_cache_and_in_methods_of_an_object():
    subject = cached(lambda x, y: (np.sin(y), y), lambda dy, y: (None, np.cos(y) * dy))
    assert gradcheck.check(subject, X, Y).verdict == "pass"
    assert gradcheck.check(subject, {"w": [X]}, Y).verdict == "pass"

    class Scale:
        def __init__(self):
            self.w = np.array([2.0, 3.0, -1.0])

        def forward(self, x, y):
            return self.w * y

        def backward(self, x, y, dy):
            return None, self.w * dy, {"w": y * dy}

    scale = Scale()
    report = gradcheck.check(pair(scale.forward, scale.backward), X, Y)
    assert report.verdict == "pass" and [g.name for g in report.gradients] == ["w", "x", "y"]


def test_what_was_said_of_other_inputs_is_not_said_again():
    subject = pair(lambda x, y: np.sin(y) * (1 if x.size > 2 else x[0]), BACKWARDS[0])
    assert gradcheck.check(subject, X[:2], Y).verdict == "fail" and gradcheck.check(subject, X, Y).verdict == "pass"


def test_a_constant_has_none_and_an_error_where_an_input_is_moved_tells_nothing():
    assert absent((None, None, 1.0), (3, X, Y)) == [1]
    zeros = with_zeros((None, None), (X, Y), [0])
    np.testing.assert_array_equal(zeros[0], np.zeros(3))
    assert zeros[1] is None

    def strict(inputs):
        if not np.array_equal(inputs[0], X):
            raise ValueError("X alone")
        return X

    assert said_of(strict, (X,), 0, "x").message == TAKEN
    assert said_of(lambda inputs: 2 * inputs[0], (X,), 0, "x").message == NOTHING
    assert said_of(lambda inputs: np.ones(2), (np.ones((0, 3)),), 0, "x").message == TAKEN
