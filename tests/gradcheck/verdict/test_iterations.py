"""Claims of a solution are not contradicted by where a solver stopped; those that are off by more are."""

import numpy as np
import pytest
from scipy import optimize

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict import iterations as module
from gradcheck.verdict.ground import Known
from gradcheck.verdict.iterations import DOUBT, SLOPE, Open, allowing_for_iterations, left_open

MOST = 500
NOTHING = Open(0.0, 0.0)


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


def compiled(tolerance, change=lambda *d: d):
    """The root of y^3 + y = a for each a, by a solver in compiled code."""

    def layer(a):
        y = np.array([optimize.brentq(lambda y, b: y**3 + y - b, -10, 10, args=(v,), xtol=tolerance) for v in a])
        return y, lambda dy: change(dy / (3 * y * y + 1))

    return layer, lambda rng: (rng.normal(size=4),)


TURN = np.array([[-0.3, 2.0, 0.0], [-2.0, -0.1, 0.5], [0.3, -0.5, -0.2]])


def integrator(tolerance, change=lambda *d: d):
    """y(1) of y' = tanh(TURN y), by Heun's method in steps as long as an error allows."""

    def right(y):
        return np.tanh(TURN @ y)

    def layer(y):
        t, h, path = 0.0, 0.25, [y]
        while t < 1:
            h = min(h, 1 - t)
            first = right(y)
            second = right(y + h * first)
            error = h * np.abs(first - second).max() / 2
            if error <= tolerance:
                t, y = t + h, y + h * (first + second) / 2
                path.append(y)
            h = h * min(2.0, max(0.2, 0.9 * (tolerance / max(error, 1e-300)) ** 0.5))
        return y, lambda dy: change(_adjoint(path[0], dy))

    return layer, lambda rng: (rng.normal(size=3),)


def _adjoint(y, dy, steps=200):
    """The gradient of y(1), by steps of the fourth order of y and of the matrix of its derivatives."""
    h, state = 1 / steps, np.concatenate([y[:, None], np.eye(3)], axis=1)

    def slope(state):
        out = np.tanh(TURN @ state[:, :1])
        return np.concatenate([out, (1 - out * out) * (TURN @ state[:, 1:])], axis=1)

    for _ in range(steps):
        a = slope(state)
        b = slope(state + h / 2 * a)
        c = slope(state + h / 2 * b)
        state = state + h / 6 * (a + 2 * b + 2 * c + slope(state + h * c))
    return state[:, 1:].T @ dy


def verdict(solver, tolerance, seed, change=lambda *d: d, **declared):
    layer, inputs = solver(tolerance, change)
    return gradcheck.Checker(seed=seed, **declared)(layer, *inputs(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("solver", "tolerance"), [
    (fixed_point, 1e-4), (fixed_point, 1e-10), (jacobi, 1e-5), (jacobi, 1e-10), (sinkhorn, 1e-6), (root, 1e-3),
    (integrator, 1e-5), (compiled, 1e-5), (compiled, 1e-8),
])  # fmt: skip
def test_a_right_gradient_of_a_solution_does_not_fail(solver, tolerance, seed):
    report = verdict(solver, tolerance, seed)
    assert {g.verdict for g in report.gradients} <= {"pass", "inconclusive"}, str(report)
    assert {g.reason for g in report.gradients if g.verdict != "pass"} == {DOUBT}
    assert "declare noise=" in str(report)


@pytest.mark.parametrize("solver", [fixed_point, jacobi, sinkhorn, root, compiled])
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
    assert left_open(ground(each, backward, x)) == NOTHING
    assert gradcheck.check(pair(each, backward), x).verdict == "fail"


def test_a_jump_that_is_large_beside_f_is_that_of_a_branch(ground):
    def routed(x):
        y = x
        for _ in range(1 if x[0] > 1 else 2):
            y = y * 2
        return y

    assert left_open(ground(routed, lambda x, dy: 4 * dy, np.array([0.99, 3.0]))) == NOTHING


def counting(change):
    """x, and `change` of x and of how many times a loop went round, which is once more from 2 on."""

    def f(x):
        rounds, left = 0, float(x[0])
        while left > 1:
            rounds, left = rounds + 1, left / 2
        return x + change(rounds, x)

    return f


def test_what_is_left_open_is_the_jump_where_a_loop_goes_round_once_more(ground):
    jump = 2.0**-20
    near = ground(counting(lambda n, _: jump * n), lambda x, dy: dy, np.array([1.9, 3.0]))
    np.testing.assert_allclose(left_open(near), (jump, 0), rtol=1e-6, atol=1e-10)


def test_and_the_jump_of_the_slope_where_f_itself_has_none(ground):
    near = ground(counting(lambda n, x: 1e-4 * max(x[0] - 2, 0) * n), lambda x, dy: dy, np.array([1.9, 3.0]))
    jump, bend = left_open(near)
    assert jump < 1e-12
    assert 1e-4 < bend < 1e-3  # of a step as large as the numbers


def test_where_all_else_lies_outside_the_domain_the_numbers_grow_together(ground):
    inner = counting(lambda n, _: 1e-6 * n)

    def on_a_ray(x):
        if abs(2 * x[0] - x[1]) > 1e-9:
            raise ValueError("x must lie on a ray")
        return inner(x)

    near = ground(on_a_ray, lambda x, dy: dy, np.array([1.2, 2.4]), u=1e-13)
    np.testing.assert_allclose(left_open(near).jump, 1e-6, rtol=1e-6, atol=0)


def test_lines_that_are_run_more_often_each_time_tell_nothing(ground):
    calls = []

    def growing(x):
        calls.append(0)
        for _ in calls:
            x = x * 1
        return x

    assert left_open(ground(growing, lambda x, dy: dy, np.ones(3))) == NOTHING


def test_a_loop_that_ends_nowhere_else_is_left_there(ground):
    here = np.array([0.5, 2.0])

    def stuck(x):
        while np.abs(x - here).max() > 1e-9:  # what the claim is asked at is nearer
            pass
        return x * 1

    assert left_open(ground(stuck, lambda x, dy: dy, here)) == NOTHING


def contradicted(comparison, off, exact=None):
    more = {} if exact is None else {"exact": np.full(2, exact), "exact_bar": np.full(2, 1e-14)}
    return comparison([1 + off, 1.0], 1.0, bar=1e-12, **more)


@pytest.mark.parametrize(("off", "excused"), [(1e-7, True), (1e-3, False)])
def test_a_contradiction_is_held_against_the_jump(ground, comparison, monkeypatch, off, excused):
    near = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
    monkeypatch.setattr(module, "left_open", lambda _: Open(1e-7, 0.0))
    c = contradicted(comparison, off, exact=1.0)
    (found,), known = allowing_for_iterations(near, Known(), [c])
    assert known.left_open == SLOPE * 1e-7
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
    monkeypatch.setattr(module, "left_open", lambda _: asked.append(0) or NOTHING)
    _, known = allowing_for_iterations(near, Known(), [contradicted(comparison, 1e-7)] * 2)
    allowing_for_iterations(near, known, [contradicted(comparison, 1e-7)])
    assert len(asked) == 1
