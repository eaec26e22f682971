"""Subjects of low precision: kinks that steps must cross excuse nothing and accuse nobody."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

rng = np.random.default_rng(1)
X = rng.normal(size=30)


def narrow(forward, backward, dtype=np.float32, factor=1.0):
    """A kernel of one dtype, whatever comes in; its gradient may be off by a factor."""

    def run(x):
        return forward(np.real(x).astype(dtype)).astype(dtype)

    def back(x, dy):
        return (backward(x.astype(dtype), dy.astype(dtype)) * dtype(factor)).astype(dtype)

    return pair(run, back)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (p * dy).sum(axis=-1, keepdims=True))


KERNELS = {
    "relu": (lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0)),
    "tanh": (np.tanh, lambda x, dy: dy * (1 - np.tanh(x) ** 2)),
    "abs": (np.abs, lambda x, dy: dy * np.sign(x)),
    "clip": (lambda x: np.clip(x, -1, 1), lambda x, dy: dy * (np.abs(x) < 1)),
    "softmax": (softmax, softmax_backward),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_right_kernel_of_float32_passes(name):
    report = gradcheck.check(narrow(*KERNELS[name]), X.astype(np.float32))
    assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("factor", [1.0, 1.02])
def test_among_many_entries_some_are_near_a_kink_and_the_claims_between_decide(factor):
    x = np.random.default_rng(5).normal(size=300).astype(np.float32)
    report = gradcheck.check(narrow(*KERNELS["clip"], factor=factor), x)
    assert report.verdict == ("pass" if factor == 1 else "fail"), str(report)


@pytest.mark.parametrize("factor", [0.98, 1.05, 0.0, -1.0])
@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_of_float32_that_is_wrong_by_a_factor_fails(name, factor):
    report = gradcheck.check(narrow(*KERNELS[name], factor=factor), X.astype(np.float32))
    assert report.verdict == "fail", str(report)


@pytest.mark.parametrize("distance", [1e-2, 1e-3, -1e-4, 1e-5])
def test_a_kink_within_reach_of_every_step_accuses_no_right_claim_and_excuses_no_wrong_one(distance):
    x = np.array([distance, 0.7, -1.3, 0.4], np.float32)
    forward, backward = KERNELS["relu"]
    assert gradcheck.check(narrow(forward, backward), x).verdict != "fail"
    assert gradcheck.check(narrow(forward, backward, factor=1.1), x).verdict == "fail"


def test_a_right_kernel_of_float16_is_not_failed_and_half_its_gradient_is_not_passed(rng):
    x = rng.normal(size=20).astype(np.float16)
    assert gradcheck.check(narrow(*KERNELS["tanh"], dtype=np.float16), x).verdict != "fail"
    assert gradcheck.check(narrow(*KERNELS["tanh"], dtype=np.float16, factor=0.5), x).verdict != "pass"
