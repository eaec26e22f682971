"""gradcheck.diagnosis.retraced: one step of the forward pass that goes back wrongly explains the claims."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.diagnosis import retraced
from gradcheck.subjects.problem import Problem

rng = np.random.default_rng(8)
X, W, V = rng.normal(size=(5, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 3))


def network(x, w, v):
    """A scalar loss of a network: what is wrong in its middle leaves no mark in the outputs."""
    return ((np.tanh(x @ w) * x) @ v / 3).sum() ** 2


def backward(x, w, v, dy, bug=""):
    h = np.tanh(x @ w)
    z = h * x
    dout = np.full((5, 3), 2 * dy * (z @ v / 3).sum() / 3)
    if bug == "counts":
        dout = dout * 3
    dz = dout @ v.T
    dh = dz if bug == "factor" else dz * x
    da = dh if bug == "slope" else dh * (1 - (x @ w if bug == "argument" else h) ** 2)
    dx = da @ (w if bug == "transposed" else w.T) + (0 if bug == "path" else dz * h * (-1 if bug == "sign" else 1))
    return dx, x.T @ da, (h if bug == "value" else z).T @ dout


CAUSES = {
    "counts": ("factor", "counts 3 times"),
    "factor": ("slope", "other factor of multiply is left out"),
    "slope": ("slope", "slope of tanh is left out"),
    "transposed": ("transposed", "matmul is applied as in the forward pass, where its transpose belongs"),
    "path": ("path", "nothing flows back through multiply to its second"),
    "sign": ("factor", "counts -1 times through multiply to its second"),
    "value": ("value", "those of tanh in"),
}


def told(forward, backward, *inputs):
    return retraced.found(Problem(pair(forward, backward), inputs, {}), inputs)


@pytest.mark.parametrize("bug", CAUSES)
def test_a_bug_in_the_middle_of_a_network_is_named(bug):
    found = told(network, lambda *args: backward(*args, bug=bug), X, W, V)
    assert found.whole
    cause, words = CAUSES[bug]
    assert {said.name for said in found.of.values()} == {cause}, found
    assert all(words in said.sentence and "np.tanh(x @ w)" in said.sentence for said in found.of.values()), found


def test_what_is_right_is_told_nothing_of():
    assert set(told(network, lambda *args: backward(*args, bug="value"), X, W, V).of) == {2}
    assert not told(network, backward, X, W, V).of


def test_what_no_single_step_explains_is_not_told():
    assert not told(network, lambda x, w, v, dy: (dy * np.sin(3 * x), dy * np.cos(w), dy * np.exp(v)), X, W, V).of


def test_what_runs_elsewhere_is_not_followed():
    problem = Problem(pair(network, lambda *args: backward(*args, bug="slope")), (X, W, V), {})
    problem.subject.elsewhere = "torch"
    assert not retraced.found(problem, (X, W, V)).of


def test_what_fits_at_one_point_only_is_not_told():
    """At the first point the slope is left out, at others it is another one."""
    here = (X * 1000).astype(int)

    def two_ways(x, w, v, dy):
        return backward(x, w, v, dy, bug="slope" if np.array_equal((x * 1000).astype(int), here) else "transposed")

    assert not told(network, two_ways, X, W, V).of


def test_a_forward_pass_that_cannot_be_followed_is_told_nothing_of():
    def filled(x, w, v):
        y = np.zeros(())
        y[...] = network(x, w, v)
        return y

    assert not told(filled, lambda *args: backward(*args, bug="slope"), X, W, V).of


@pytest.mark.parametrize(("limit", "value"), [("MOST", 1), ("WORK", 100)])
def test_at_some_point_the_search_ends(limit, value, monkeypatch):
    monkeypatch.setattr(retraced, limit, value)
    assert not told(network, lambda *args: backward(*args, bug="value"), X, W, V).of


def test_a_step_that_takes_no_numbers_of_another_place_is_no_error_of_the_check():
    """A factorisation of positive definite matrices is asked what it makes of others."""
    a = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.2]])

    def forward(a):
        return 2 * np.log(np.diag(np.linalg.cholesky(a))).sum()

    def backward(a, dy):
        return 1.01 * dy * np.linalg.inv(a)

    assert not retraced.found(Problem(pair(forward, backward), (a,), {}), [a]).whole


def test_one_line_of_the_users_code_is_shown_once():
    def running(x):
        return np.cumsum(x, 1) / np.arange(1, 5)

    def after(x, dy):
        return np.cumsum(dy[:, ::-1], 1)[:, ::-1] / np.arange(1, 5)

    ((said,),) = [told(running, after, X).of.values()]
    assert said.sentence.count("return np.cumsum(x, 1) / np.arange(1, 5)") == 1, said
