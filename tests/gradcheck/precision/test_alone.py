"""A narrow gradient is held against its own function, where float64 has another one."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.points import cotangents
from gradcheck.numeric.reading import Place
from gradcheck.precision.alone import holds_alone
from gradcheck.precision.shadow import OTHER
from gradcheck.subjects.problem import Problem

UNIT = 2.0**-24


def drawn(change=lambda d: d, part=1.0):
    """A layer that draws in the dtype of its input, and in float32 has another backward pass."""

    def layer(x, *, rng):
        noise = rng.random(x.shape, dtype=x.dtype) - part / 2

        def pullback(dy):
            d = dy * noise * (1 - np.tanh(x) ** 2)
            return (change(d) if x.dtype == np.float32 else d,)

        return np.tanh(x) * noise, pullback

    return layer


def inputs(seed, shape=(4, 5)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(4, 5), (60, 50)])
@pytest.mark.parametrize("seed", range(4))
def test_a_right_layer_that_draws_in_the_dtype_of_its_inputs_passes(seed, shape):
    report = gradcheck.Checker(seed=seed)(drawn(), inputs(seed, shape), rng=np.random.default_rng(3))
    assert report.verdict == "pass"
    assert [f.message for f in report.findings if f.kind == "precision"] == [OTHER]


@pytest.mark.parametrize("change", [lambda d: 1.25 * d, lambda d: 0 * d, lambda d: np.abs(d), lambda d: d[::-1]])
@pytest.mark.parametrize("seed", range(3))
def test_one_that_is_wrong_in_float32_alone_does_not_pass(change, seed):
    report = gradcheck.Checker(seed=seed)(drawn(change), inputs(seed), rng=np.random.default_rng(3))
    assert report.verdict != "pass" and OTHER not in str(report)


def test_one_that_is_wrong_fails():
    def wrong(x, *, rng):
        y, pullback = drawn()(x, rng=rng)
        return y, lambda dy: (1.01 * pullback(dy)[0],)

    assert gradcheck.check(wrong, inputs(0), rng=np.random.default_rng(3)).verdict == "fail"


def held(forward, backward, *arrays):
    problem = Problem(pair(forward, backward), arrays, {})
    y = problem.forward(list(arrays)).astype(np.float64)
    own = Place([x.astype(np.float64) for x in arrays], y, cotangents(np.random.default_rng(2), y.size))
    return holds_alone(problem, own, UNIT, np.random.default_rng(0))


def test_kinks_and_bends_are_allowed_for():
    x = inputs(1, (100, 30))
    assert held(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0), x)
    assert held(lambda x: np.exp(x), lambda x, dy: dy * np.exp(x), x)
    assert not held(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > -1), x)


def test_each_array_is_held_by_itself_and_an_empty_one_is_none():
    x, w = inputs(1), inputs(2)
    assert held(lambda x, w: x * w, lambda x, w, dy: (dy * w, dy * x), x, w)
    assert not held(lambda x, w: x * w, lambda x, w, dy: (dy * w, dy * x * 1.5), x, w)
    assert held(lambda x, w: x, lambda x, w, dy: (dy, w), x, np.zeros((0, 3), np.float32))


def test_what_is_a_difference_of_large_numbers_is_not_held():
    assert not held(lambda x: (x + np.float32(1e9)) - np.float32(1e9), lambda x, dy: dy, inputs(0))
