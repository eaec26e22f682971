"""Claims of a solution are not contradicted by where a solver stopped; those that are off by more are."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict import iterations as module
from gradcheck.verdict.ground import Known
from gradcheck.verdict.iterations import DOUBT, allowing_for_iterations, left_open

MOST = 500


def fixed_point(tolerance, change=lambda *d: d):
    """y = tanh(W y + x) by iteration, with the gradient of the implicit function theorem."""

    def layer(w, x):
        y = np.zeros_like(x)
        for _ in range(MOST):
            y, last = np.tanh(w @ y + x), y
            if np.abs(y - last).max() < tolerance:
                break
        s = 1 - y * y

        def pullback(dy):
            u = s * np.linalg.solve((np.eye(y.size) - s[:, None] * w).T, dy)
            return change(np.outer(u, y), u)

        return y, pullback

    return layer, lambda rng: (0.3 * rng.normal(size=(4, 4)), rng.normal(size=4))


def jacobi(tolerance, change=lambda *d: d):
    """The solution of A y = b by sweeps, of a matrix whose diagonal is large."""

    def layer(a, b):
        d, y = np.diag(a), np.zeros_like(b)
        for _ in range(MOST):
            y, last = (b - a @ y) / d + y, y
            if np.abs(y - last).max() < tolerance:
                break

        def pullback(dy):
            u = np.linalg.solve(a.T, dy)
            return change(-np.outer(u, y), u)

        return y, pullback

    return layer, lambda rng: (rng.normal(size=(5, 5)) + 8 * np.eye(5), rng.normal(size=5))


def sinkhorn(tolerance, change=lambda *d: d):
    """The least transport cost under an entropy, of which the plan is the gradient."""

    def layer(cost):
        k, u = np.exp(-cost), np.ones(len(cost))
        for _ in range(MOST):
            v = 1 / (k.T @ u) / cost.shape[1]
            u, last = 1 / (k @ v) / len(cost), u
            if np.abs(u - last).max() < tolerance:
                break
        plan = u[:, None] * k * v
        return (plan * (cost + np.log(plan) - 1)).sum(), lambda dy: change(dy * plan)

    return layer, lambda rng: (rng.uniform(0, 2, size=(4, 5)),)


def root(tolerance, change=lambda *d: d):
    """A square root by Newton's method, whose steps change nothing below zero but the time."""

    def layer(a):
        y = np.ones_like(a)
        for _ in range(MOST):
            y, last = (y + a / y) / 2, y
            if np.abs(y - last).max() < tolerance:
                break
        return y, lambda dy: change(dy / (2 * y))

    return layer, lambda rng: (rng.uniform(0.5, 3, size=6),)


def verdict(solver, tolerance, seed, change=lambda *d: d, **declared):
    layer, inputs = solver(tolerance, change)
    return gradcheck.Checker(seed=seed, **declared)(layer, *inputs(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("solver", "tolerance"), [
    (fixed_point, 1e-4), (fixed_point, 1e-10), (jacobi, 1e-5), (jacobi, 1e-10), (sinkhorn, 1e-6), (root, 1e-3),
])  # fmt: skip
def test_a_right_gradient_of_a_solution_does_not_fail(solver, tolerance, seed):
    report = verdict(solver, tolerance, seed)
    assert {g.verdict for g in report.gradients} <= {"pass", "inconclusive"}, str(report)
    assert {g.reason for g in report.gradients if g.verdict != "pass"} == {DOUBT}
    assert "declare noise=" in str(report)


@pytest.mark.parametrize("solver", [fixed_point, jacobi, sinkhorn, root])
def test_a_gradient_that_is_off_by_more_than_a_loop_leaves_fails(solver):
    report = verdict(solver, 1e-6, 0, lambda *d: (*d[:-1], d[-1] * 1.01))
    assert report.gradients[-1].verdict == "fail"


def test_what_a_loop_leaves_may_be_declared():
    assert verdict(jacobi, 1e-6, 0, noise=1e-5).verdict == "pass"


def each(x):
    """Entry by entry, as one who has no vectors writes it: a branch at which nothing jumps, and a loop that ends."""
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        if x[i] > 0:
            y[i] = x[i] ** 2
    return y


@pytest.mark.parametrize("off", [1e-9, 1e-5])
def test_a_branch_in_a_loop_excuses_nothing(ground, off):
    def backward(x, dy):
        return 2 * np.maximum(x, 0) * dy * (1 + off)

    x = np.random.default_rng(0).normal(size=(3, 4)) / 8
    assert left_open(ground(each, backward, x)) < 1e-13
    assert gradcheck.check(pair(each, backward), x).verdict == "fail"


def test_a_jump_that_is_large_beside_f_is_that_of_a_branch(ground):
    def routed(x):
        y = x
        for _ in range(1 if x[0] > 1 else 2):
            y = y * 2
        return y

    assert left_open(ground(routed, lambda x, dy: 4 * dy, np.array([0.99, 3.0]))) == 0


def counting(change):
    """x, and `change` of how many times a loop went round, which is once more from 2 on."""

    def f(x):
        rounds, left = 0, float(x[0])
        while left > 1:
            rounds, left = rounds + 1, left / 2
        return x + change(rounds)

    return f


def test_what_is_left_open_is_the_jump_where_a_loop_goes_round_once_more(ground):
    jump = 2.0**-20
    near = ground(counting(lambda n: jump * n), lambda x, dy: dy, np.array([1.9, 3.0]))
    np.testing.assert_allclose(left_open(near), jump, rtol=1e-6, atol=0)


def test_lines_that_are_run_more_often_each_time_tell_nothing(ground):
    calls = []

    def growing(x):
        calls.append(0)
        for _ in calls:
            x = x * 1
        return x

    assert left_open(ground(growing, lambda x, dy: dy, np.ones(3))) == 0


def test_a_loop_that_ends_nowhere_else_is_left_there(ground):
    here = np.array([0.5, 2.0])

    def stuck(x):
        while np.abs(x - here).max() > 1e-9:  # what the claim is asked at is nearer
            pass
        return x * 1

    assert left_open(ground(stuck, lambda x, dy: dy, here)) == 0


def contradicted(comparison, off, exact=None):
    more = {} if exact is None else {"exact": np.full(2, exact), "exact_bar": np.full(2, 1e-14)}
    return comparison([1 + off, 1.0], 1.0, bar=1e-12, **more)


@pytest.mark.parametrize(("off", "excused"), [(1e-7, True), (1e-3, False)])
def test_a_contradiction_is_held_against_the_jump(ground, comparison, monkeypatch, off, excused):
    near = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
    monkeypatch.setattr(module, "left_open", lambda _: 1e-7)
    c = contradicted(comparison, off, exact=1.0)
    (found,), known = allowing_for_iterations(near, Known(), [c])
    assert known.left_open == 1e-7
    assert (found is not c) is excused
    if excused:
        assert (found.doubt, found.exact, found.is_contradicted()) == (DOUBT, None, False)


def test_what_is_off_by_much_is_not_asked(ground, comparison, monkeypatch):
    near = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
    monkeypatch.setattr(module, "left_open", lambda _: pytest.fail("asked"))
    far, within = contradicted(comparison, 0.5), comparison([1.0, 1.0], 1.0, bar=1e-12)
    (first, second), known = allowing_for_iterations(near, Known(), [far, within])
    assert first is far
    assert second is within
    assert known.left_open is None


def test_it_is_asked_once(ground, comparison, monkeypatch):
    near = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
    asked = []
    monkeypatch.setattr(module, "left_open", lambda _: asked.append(0) or 0.0)
    _, known = allowing_for_iterations(near, Known(), [contradicted(comparison, 1e-7)] * 2)
    allowing_for_iterations(near, known, [contradicted(comparison, 1e-7)])
    assert len(asked) == 1
