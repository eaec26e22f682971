"""A subject on balls at one point: slopes of the forward pass and the pullback, whatever trees they take."""

import dataclasses

import flint
import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.run import generic, inner, start, why
from gradcheck.exact.values import balls
from gradcheck.subjects.problem import Problem

X = np.array([[0.5, -1.25, 2.0], [0.75, 3.0, -0.25]])


@dataclasses.dataclass(frozen=True)
class Affine:
    w: np.ndarray
    b: np.ndarray

    def vjp(self, x, *, mask, scale, rng):
        kept = rng.random(x.shape) > 0.25
        z = x * kept
        y = np.where(mask, z @ self.w + self.b, 0) * scale

        def pullback(dy):
            dz = np.where(mask, dy, 0) * scale
            return Affine(z.T @ dz, dz.sum(0)), dz @ self.w.T * kept

        return {"y": y, "parts": (y[0], y * y)}, lambda d: pullback(d["y"] + grown(d["parts"], y))


def grown(parts, y):
    first, square = parts
    total = 2 * y * square
    total[0] += first
    return total


def started(subject, *inputs, **constants):
    problem = Problem(subject, inputs, constants)
    return start(problem, [leaf.value for leaf in problem.leaves], np.random.default_rng(0))


@pytest.fixture
def affine():
    rng = np.random.default_rng(1)
    layer = Affine(rng.normal(size=(3, 4)), rng.normal(size=4))
    mask = np.array([[True, True, False, True], [True, False, True, True]])
    return started(layer, X, mask=mask, scale=0.3, rng=np.random.default_rng(2))


def test_slope_and_gradient_are_one_number_for_trees_masks_and_draws(affine):
    rng = np.random.default_rng(3)
    directions = [generic(rng, x.shape) for x in affine.point]
    with flint.ctx.workprec(300):
        slope = affine.slope(directions)
        gradients = affine.gradient()
        claimed = sum(inner(d, balls(v)) for d, v in zip(gradients, directions, strict=True))
        assert (slope - claimed).contains(0) and (slope - claimed).rad() < 1e-80 and abs(slope) > 1e-3
        assert [d.shape for d in gradients] == [(3, 4), (4,), (2, 3)]


def test_the_slope_is_that_of_floats(affine):
    directions = [np.cos(x) for x in affine.point]
    ahead, behind = ([x + s * d for x, d in zip(affine.point, directions, strict=True)] for s in (1e-5, -1e-5))
    forward = affine.problem.forward
    difference = affine.g @ (forward(ahead) - forward(behind)) / 2e-5
    with flint.ctx.workprec(300):
        slope = float(affine.slope(directions))
    np.testing.assert_allclose(slope, difference, rtol=1e-8, atol=0)  # a step of 1e-5, squared


def test_an_array_may_stay_where_it_is(affine):
    directions = [np.ones((3, 4)), None, None]
    with flint.ctx.workprec(300):
        assert float(affine.slope([None, None, None])) == 0
        claimed = inner(affine.gradient()[0], balls(directions[0]))
        assert (affine.slope(directions) - claimed).contains(0)


def test_constants_are_noted_and_replaced(affine):
    with flint.ctx.workprec(300):
        before = affine.slope([np.ones(x.shape) for x in affine.point])
        assert affine.watch.constants == {frozenset([0.3]): "Affine.vjp"}
        doubled = affine.slope([np.ones(x.shape) for x in affine.point], {0.3: flint.arb(0.6)})
        assert doubled != before


def test_held_arrays_stay():
    problem = Problem(pair(lambda a, b: a * b, lambda a, b, dy: (dy * b, dy * a)), (X, X + 1), {}).with_held(["b"])
    run = start(problem, [X], np.random.default_rng(0))
    with flint.ctx.workprec(300):
        assert len(run.gradient()) == 1
        claimed = inner(run.gradient()[0], balls(X))
        assert (run.slope([X]) - claimed).contains(0)


def test_a_result_that_floats_do_not_have_is_refused():
    def by_kind(x, dy):
        return dy if isinstance(dy, np.ndarray) else dy[0]

    run = started(pair(lambda x: x * 1, by_kind), X)
    with pytest.raises(NotFollowed, match=r"^a cotangent of shape \(3,\) where floats have \(2, 3\)$"):
        run.gradient()
    run = started(pair(lambda x: x * 1, lambda x, dy: dy if isinstance(dy, np.ndarray) else None), X)
    with pytest.raises(NotFollowed, match=r"^a cotangent of type NoneType$"):
        run.gradient()


def caught(run, call="gradient"):
    with pytest.raises(Exception) as info:  # noqa: PT011  (each is another)
        getattr(run, call)(*([[np.ones(x.shape) for x in run.point]] if call == "slope" else []))
    return why(info.value)


def test_the_call_and_the_line_that_left_balls_are_told():
    def forward(x):
        return np.sin(np.asarray(x, dtype=float))

    assert caught(started(pair(forward, lambda x, dy: dy), X), "slope") == (
        "a bare NumPy array of float64 made of balls, in forward: return np.sin(np.asarray(x, dtype=float))"
    )

    def backward(x, dy):
        dx = np.zeros((2, 3))
        dx[...] = dy
        return dx

    assert caught(started(pair(np.sin, backward), X)).startswith("a bare ")
    assert caught(started(pair(np.sin, backward), X)).endswith(", in backward: dx[...] = dy")


def test_an_error_of_another_kind_is_told_in_one_line():
    def backward(x, dy):
        return dy.tobytes()

    told = caught(started(pair(np.sin, backward), X))
    assert told == "AttributeError: 'Balls' object has no attribute 'tobytes', in backward: return dy.tobytes()"


def test_random_numbers_are_of_both_signs_and_not_near_zero():
    drawn = generic(np.random.default_rng(0), (1000,))
    assert (np.abs(drawn) >= 0.5).all() and 400 < (drawn > 0).sum() < 600
