"""Claims of a subject whose constants, which it makes as it is called, are a few roundings away."""

import numpy as np
import pytest

from gradcheck.adapters import cached, pair
from gradcheck.claims.made import with_made_rounded
from gradcheck.subjects.problem import Problem

U, X, DY = 2.0**-53, np.array([0.5, -1.25, 2.0]), np.array([[1.0, 0.75, -0.5], [0.25, 1.5, 1.0]])


def made():
    return np.array([[1.5, 0.25, 0], [0.5, 1.75, 0.125], [0, 0.375, 1.25]])


def claims(subject, u=U, seed=1, inputs=(X,), **constants):
    problem = Problem(subject, inputs, constants)
    return with_made_rounded(problem, [leaf.value for leaf in problem.leaves], DY, u, seed)


def solved(x, dy):
    return np.linalg.solve(made().T, dy)


SUBJECTS = {
    "a product": pair(lambda x: made() @ x, lambda x, dy: made().T @ dy),
    "a function of linear algebra": pair(lambda x: np.linalg.solve(made(), x), solved),
    "a sum in place": pair(lambda x: made() @ x, lambda x, dy: np.add(0 * dy, made().T @ dy, out=np.zeros_like(dy))),
    "a list of operands": pair(lambda x: made() @ x, lambda x, dy: np.concatenate([dy, np.ones(3)])[:3] @ made()),
    "a residual of the forward pass": cached(lambda x: (made() @ x, np.sum([made() @ x, 0 * x])), lambda s, dy: s * dy),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_what_is_met_is_rounded_wherever_it_is_asked_for(name):
    problem = Problem(SUBJECTS[name], (X,), {})
    exact = problem.gradients([X], DY)[0]
    near, far = (np.abs(claims(SUBJECTS[name], u=u)[0] - exact).max() for u in (2.0**-40, 2.0**-20))
    assert 2.0**-41 < near < 2.0**-36 and 2.0**18 < far / near < 2.0**22
    assert type(claims(SUBJECTS[name])[0]) is np.ndarray


def test_the_same_seed_gives_the_same_multiples():
    one, far = (claims(SUBJECTS["a product"], u=u)[0] - DY @ made() for u in (2.0**-30, 2.0**-20))
    np.testing.assert_allclose(far, one * 2.0**10, rtol=1e-4, atol=0)  # of one some six digits are left
    assert (claims(SUBJECTS["a product"], seed=2)[0] != claims(SUBJECTS["a product"])[0]).any()


def test_several_inputs_and_parameters_are_known():
    w = np.ones((3, 3))
    subject = pair(lambda x, w: w @ x, lambda x, w, dy: (w.T @ dy, np.outer(dy, x)))
    assert claims(subject, inputs=(X, w)) is None, "what is given is no constant"


@pytest.mark.parametrize(
    "subject",
    [
        pair(lambda x: 2 * x, lambda x, dy: 2.0 * dy),  # numbers are exact
        pair(lambda x: x[np.arange(3)], lambda x, dy: dy * np.array([1, 1, 1])),  # whole numbers
        pair(lambda x: x * np.ones(3, np.float32), lambda x, dy: dy * np.ones(3, np.float32)),  # no steps as small
    ],
)
def test_where_nothing_is_met_that_could_be_rounded_nothing_is_said(subject):
    assert claims(subject) is None


def test_what_is_refused_is_no_number():
    def backward(x, dy):
        if type(dy) is not np.ndarray:
            raise TypeError("arrays of this kind are refused")
        return dy

    def forward(x):
        return x * np.ones(3)

    assert np.isnan(claims(pair(forward, backward))[0]).all()
