"""A problem's arrays, each with one of three answers."""

import math

import numpy as np
import pytest

from gradcheck import adapters
from gradcheck.adapters import pair
from gradcheck.claims.within import within
from gradcheck.exact.answers import CONSTANTS, DIFFERS, NOT_FOLLOWED, PROVED
from gradcheck.exact.prove import NEED, prove
from gradcheck.subjects.declared import Declared
from gradcheck.subjects.problem import LARGE, Problem

X = np.array([[0.5, -1.25, 2.0], [0.75, 3.0, -0.25]])
ROOT = math.sqrt(0.3)


def scaled(x):
    return x * ROOT


def scaled_back(x, dy):
    return dy * 0.3 / ROOT


def proved(forward, backward, *inputs, near=None, **constants):
    problem = Problem(pair(forward, backward), inputs, constants)
    own = [leaf.value for leaf in problem.leaves]
    return prove(problem, [own] if near is None else [near, own], 0)


def test_each_array_has_its_answer():
    def forward(a, b, c):
        return np.sin(a) * b + 0 * c

    def backward(a, b, c, dy):
        return dy * np.cos(a) * b, dy * np.sin(a) + dy * np.sin(a) * 2.0**-58, 0 * dy

    (a, b, c), notes = proved(forward, backward, X, X + 1, X)
    assert (a.answer, b.answer, c.answer) == (PROVED, DIFFERS, PROVED)
    assert a.digits > 80 and c.digits is None and not notes


def test_a_gradient_of_roundings_is_zero():
    (answer,), _ = proved(lambda x: x - x, lambda x, dy: dy * np.sqrt(2) - dy * np.sqrt(2) + dy * np.sin(x) * 0, X)
    assert str(answer) == "proved to be zero here"


def test_constants_are_told_with_their_function():
    (answer,), _ = proved(scaled, scaled_back, X)
    assert answer.answer == CONSTANTS and answer.reason == "scaled, scaled_back" and answer.digits >= NEED


def test_a_ball_that_straddles_a_branch_says_so():
    def forward(x):
        third = x * 0 + np.ones_like(x) / 3
        return np.maximum(x * third * 3, x)

    (answer,), notes = proved(forward, lambda x, dy: dy, X)
    assert str(answer) == "not followed: a ball straddles a branch of maximum"
    assert any(note.message.startswith("a ball straddles a branch: maximum") for note in notes)


def test_more_bits_settle_what_is_close():
    def forward(x):
        tiny = x * 2.0**-200
        return np.where(np.exp(tiny) - 1 > tiny, x, 2 * x)

    (answer,), _ = proved(forward, lambda x, dy: dy, X)
    assert answer.answer == PROVED


def test_numbers_that_cancel_get_more_bits():
    def forward(x):
        return (np.exp(x * 2.0**-150) - 1) * 2.0**150

    (answer,), _ = proved(forward, lambda x, dy: dy * np.exp(x * 2.0**-150), X)
    assert answer.answer == PROVED and answer.digits >= NEED


def test_an_array_whose_gradient_is_far_below_the_radius_of_another_is_not_called_proved():
    tiny = 1e-300  # squared it is smaller than any float, and than the radius of a third in 1,200 bits

    def forward(a, b):
        return np.exp(a / 3) + b * tiny * tiny

    (a, b), _ = proved(forward, lambda a, b, dy: (dy * np.exp(a / 3) / 3, dy * tiny * tiny), X, X)
    assert a.answer == PROVED and a.digits > NEED
    assert str(b) == "not followed: balls of 1200 bits are too wide beside the gradient"


def test_a_tie_is_no_difference_and_near_by_is_told():
    x = np.array([0.0, 1.0, -2.0])
    (answer,), notes = proved(lambda x: np.abs(x), lambda x, dy: dy * np.sign(x), x, near=[x + 0.125])
    assert answer.answer == NOT_FOLLOWED
    assert str(answer).startswith("not followed: a tie in absolute, where the slope is one side's; proved to ")
    assert str(answer).endswith(" near by")
    assert {note.severity for note in notes} == {"note"}
    assert any(note.message.startswith("a branch has a tie: absolute (1)") for note in notes)


def test_a_tie_that_decides_nothing_is_no_obstacle():
    x = np.array([1.0, 1.0, -2.0])
    (answer,), _ = proved(lambda x: x - np.max(x) + np.max(x), lambda x, dy: dy, x)
    assert answer.answer == PROVED


def test_a_difference_near_by_is_one():
    x = np.array([1.0, 1.0])
    (answer,), _ = proved(lambda x: x * x, lambda x, dy: 2 * dy, x, near=[np.array([1.5, 0.75])])
    assert answer.answer == DIFFERS


def test_one_point_given_twice_is_one():
    calls = []

    def backward(x, dy):
        calls.append(1)
        return dy

    proved(lambda x: x * 1, backward, X, near=[X.copy()])
    assert len(calls) == 1


def test_branches_are_named():
    _, notes = proved(lambda x: np.maximum(x, 0.5 * x), lambda x, dy: dy * np.where(x > 0, 1, 0.5), X)
    assert [note.message for note in notes] == ["branches were decided by the midpoints of balls: maximum (6)"]


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda x: np.sin(x.astype(np.float32)), "a cast to float32"),
        (lambda x: np.fft.rfft(x).real, "numpy.fft.rfft"),
        (lambda x: np.log(x * 0) * 0 + x, "numpy.log, which gives a number without a bound there"),
    ],
)
def test_a_call_that_balls_cannot_take_is_named_for_every_array(forward, said):
    (answer,), _ = proved(forward, lambda x, dy: dy, X)
    assert answer.answer == NOT_FOLLOWED and answer.reason.startswith(said)


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (adapters.dlpack(lambda x: (x * 1, lambda dy: dy), from_dlpack=np.from_dlpack), "arrays of another library"),
        (adapters.forward_mode(lambda x: (x * 1, lambda dx: dx)), "gradients put together from tangents"),
        (within(pair(lambda x: x * 1, lambda x, dy: dy), Declared(domain=lambda x: True)), "a declared domain"),
    ],
)
def test_what_does_not_compute_by_numpy_on_the_arrays_it_is_given_is_told(subject, said):
    (answer,), notes = prove(Problem(subject, (X,), {}), [[X]], 0)
    assert str(answer) == f"not followed: {said}" and not notes


class Squared:
    """A loss whose backward pass takes no cotangent."""

    def forward(self, x):
        self.x = x
        return (x * x).mean()

    def backward(self):
        return 2 * self.x / self.x.size


@pytest.mark.parametrize(
    "subject",
    [adapters.module(Squared()), adapters.value_and_grad(lambda x: ((x * x).mean(), {"x": 2 * x / x.size}))],
)
def test_the_gradients_of_a_loss_are_followed_through_the_factor_of_its_cotangent(subject):
    (answer,), _ = prove(Problem(subject, (X,), {}), [[X]], 0)
    assert answer.answer == PROVED


def test_complex_and_large_arrays_are_not_followed():
    (answer,), _ = prove(Problem(pair(lambda z: z * z, lambda z, dy: dy), (X * 1j,), {}), [[]], 0)
    assert str(answer) == "not followed: complex numbers"
    x = np.zeros(LARGE + 1)
    (answer,), _ = prove(Problem(pair(lambda x: x * 1, lambda x, dy: dy), (x,), {}), [[x]], 0)
    assert str(answer) == "not followed: arrays of more than 100,000 entries"
