"""Claims of a slope are contradicted where f changes by roundings alone."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict.resting import NOTHING, contradicting_rest


def normed(x):
    return (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)


def mean_forgotten(x, dy):
    d, y = np.repeat(dy[..., None], x.shape[-1], -1), normed(x)
    return (d - y * (d * y).mean(-1, keepdims=True)) / x.std(-1, keepdims=True)


def statistics_forgotten(x, dy):
    return np.broadcast_to(dy / len(x) / x.std(0), x.shape)


@pytest.mark.parametrize(("forward", "backward", "shape"), [
    (lambda x: normed(x).sum(-1), mean_forgotten, (4, 8)),
    (lambda x: ((x - x.mean(0)) / x.std(0)).mean(0), statistics_forgotten, (16, 5)),
    (lambda x: (x - x.mean()).sum(), lambda x, dy: dy * np.ones_like(x), (20,)),
    (lambda x: (x - x.mean()).sum(), lambda x, dy: dy * np.ones_like(x), (40, 50)),
])  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_a_claim_beside_outputs_that_cancel_fails(forward, backward, shape, seed):
    x = np.random.default_rng(seed).normal(size=shape)
    report = gradcheck.Checker(seed=seed)(pair(forward, backward), x)
    assert report.verdict == "fail"
    assert "none of" not in str(report)


@pytest.mark.parametrize("size", [1e-16, 1e-13])
def test_one_that_is_as_small_as_roundings_does_not(size):
    x = np.random.default_rng(0).normal(size=(4, 8))
    noise = size * np.random.default_rng(1).normal(size=x.shape)
    report = gradcheck.check(pair(lambda x: normed(x).sum(-1), lambda x, dy: noise * dy[:, None]), x)
    assert report.verdict != "fail"


def unresolved(comparison, sweep, claimed, f):
    c = comparison(claimed, np.nan, np.inf, sweep=sweep(*(lambda h: f(h),) * len(claimed)))
    assert not c.resolved
    return c


def rounded(h):
    return 1e-16 * np.sign(np.sin(1e9 * h))


def test_each_cotangent_is_asked(comparison, sweep, ground):
    near = ground(np.sin, lambda x, dy: dy * np.cos(x), np.ones(3))
    c = unresolved(comparison, sweep, [1.0, 1e-8], rounded)
    (found,) = contradicting_rest(near, [c])
    assert found.outside().tolist() == [True, False] and found.real.resolved.tolist() == [True, False]
    assert found.real.value[0] == 0


@pytest.mark.parametrize("moves", [lambda h: 2 * NOTHING * h, lambda h: 2 * NOTHING * np.abs(h), lambda h: h**2])
def test_what_moves_to_a_side_by_a_part_of_the_claim_does_not_rest(comparison, sweep, ground, moves):
    near = ground(np.sin, lambda x, dy: dy * np.cos(x), np.ones(3))
    c = unresolved(comparison, sweep, [1.0], moves)
    assert contradicting_rest(near, [c]) == [c]


def test_nothing_is_said_beside_a_jump_nor_of_few_bits(comparison, sweep, ground):
    near = ground(np.sin, lambda x, dy: dy * np.cos(x), np.ones(3))
    c = unresolved(comparison, sweep, [1.0], rounded)
    few = ground(np.sin, lambda x, dy: dy * np.cos(x), np.ones(3), u=2.0**-11)
    assert few.has_few_bits and contradicting_rest(few, [c]) == [c]
    jump = comparison([1.0], np.nan, np.inf, jump=True, sweep=c.sweep)
    assert contradicting_rest(near, [jump]) == [jump]


def test_what_is_resolved_stays_what_it_is(comparison, sweep, ground):
    near = ground(np.sin, lambda x, dy: dy * np.cos(x), np.ones(3))
    c = comparison([1.0], 1e-12, 1e-14, sweep=sweep(lambda h: 1e-12 * h))
    assert contradicting_rest(near, [c]) == [c]
