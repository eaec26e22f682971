"""A saturated layer is not failed for the rounding of 1 - y, and a wrong one is no better hidden there."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair


def softmax(x):
    e = np.exp(x - x.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (p * dy).sum(axis=-1, keepdims=True))


def surprisal(x):
    return -np.log(softmax(x)[:, 2])


def surprisal_backward(x, dy):
    p = softmax(x)
    p[:, 2] -= 1
    return dy[:, None] * p


def attend(q, k, v):
    return softmax(q @ k.T / 2) @ v


def attend_backward(q, k, v, dy):
    ds = softmax_backward(q @ k.T / 2, dy @ v.T) / 2
    return ds @ k, ds.T @ q, softmax(q @ k.T / 2).T @ dy


def softplus(x):
    return np.log(1 + np.exp(x))


def tanh_backward(x, dy):
    y = np.tanh(x)
    return dy * (1 - y * y)


PAIRS = {
    "softmax": pair(softmax, softmax_backward),
    "surprisal": pair(surprisal, surprisal_backward),
    "tanh": pair(np.tanh, tanh_backward),
}


def dominated(logit, dtype, seed=0):
    x = np.random.default_rng(seed).normal(size=(3, 4))
    x[:, 2] += logit
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("logit", [8, 12, 16, 20])
@pytest.mark.parametrize("name", PAIRS)
def test_saturated_ones_pass(name, logit, dtype):
    for seed in range(3):
        report = gradcheck.check(PAIRS[name], dominated(logit, dtype, seed))
        assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PAIRS)
def test_where_nothing_is_left_of_the_gradient_nothing_is_claimed(name, dtype):
    report = gradcheck.check(PAIRS[name], dominated(60, dtype))
    assert report.verdict != "fail", str(report)


def test_logits_of_any_size_do_not_fail():
    for size in (12, 20, 40):
        x = size * np.random.default_rng(0).normal(size=(3, 8))
        report = gradcheck.check(PAIRS["softmax"], x)
        assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-6, 1e-3, 1, 30])
def test_inputs_of_any_size_do_not_fail(size, dtype):
    """At 30 the 1 of softplus swallows most of an exponential, and attention's scores are thousands."""
    for seed in (0, 2):
        rng = np.random.default_rng(seed)
        q, k, v = (size * rng.normal(size=(3, 3, 4))).astype(dtype)
        report = gradcheck.check(pair(attend, attend_backward), q, k, v)
        assert report.verdict == "pass" or (size == 30 and report.verdict == "inconclusive"), str(report)
        report = gradcheck.check(pair(softplus, lambda x, dy: dy / (1 + np.exp(-x))), q)
        assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("error", [1e-3, 1.0])
def test_a_wrong_one_fails_where_it_is_saturated(error, dtype):
    subject = pair(softmax, lambda x, dy: (softmax_backward(x, dy) * (1 + error)).astype(x.dtype))
    assert gradcheck.check(subject, dominated(8, dtype)).verdict == "fail"


def test_a_tiny_entry_beside_large_ones_is_not_excused_where_nothing_is_saturated():
    """y = 1e-14 x beside y = x: the rounding of the second says nothing about the first."""
    factor = np.array([1e-14, 1.0, 1.0, 1.0])
    subject = pair(lambda x: factor * x, lambda x, dy: np.where(factor < 1, 2, 1) * factor * dy)
    report = gradcheck.check(subject, dominated(0, np.float64))
    assert report.verdict == "fail", str(report)
    assert {index[1] for index in report.gradients[0].wrong} == {0}
