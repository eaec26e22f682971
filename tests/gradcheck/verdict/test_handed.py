"""What a claim is rounded to, held against the dtype that was handed over."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict.handed import DOUBT


def gated(dtype, factor=1.0, drops=False):
    """silu(a) b, whose backward pass computes in a dtype."""

    def forward(a, b):
        return a / (1 + np.exp(-a)) * b

    def backward(a, b, dy):
        x, g, d = a.astype(dtype), b.astype(dtype), dy.astype(dtype)
        s = 1 / (1 + np.exp(-x))
        d = np.where(np.abs(d) < 0.3, 0, d) if drops else d
        return (factor * d * g * s * (1 + x * (1 - s))).astype(a.dtype), (d * x * s).astype(b.dtype)

    return pair(forward, backward)


def inputs(dtype, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(4, 5)).astype(dtype) for _ in range(2)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("handed", [np.float16, np.float32])
def test_roundings_of_no_fewer_bits_than_were_handed_over_are_forgiven_and_told(handed, seed):
    report = gradcheck.Checker(seed=seed)(gated(np.float32), *inputs(handed, seed))
    assert report.verdict == "pass", str(report)
    assert any(f.kind == "precision" and f.message.endswith(DOUBT) for f in report.findings)
    assert all(5 <= gradient.digits < 8 for gradient in report.gradients)


@pytest.mark.parametrize("handed", [np.float16, np.float32])
@pytest.mark.parametrize("wrong", [{"factor": 1.3}, {"factor": 1 + 1e-4}, {"drops": True}])
def test_no_rounding_hides_what_is_wrong(handed, wrong):
    assert gradcheck.check(gated(np.float32, **wrong), *inputs(handed, 0)).verdict == "fail"


def test_who_hands_over_more_bits_gets_no_fewer():
    assert gradcheck.check(gated(np.float32), *inputs(np.float64, 0)).verdict == "fail"
    assert gradcheck.check(gated(np.float16), *inputs(np.float32, 0)).verdict == "fail"
    a, b = inputs(np.float32, 0)
    assert gradcheck.check(gated(np.float32), a.astype(np.float64), b).verdict == "fail", "one of them is enough"


def test_what_is_exact_to_the_last_bit_of_float64_has_nothing_to_forgive():
    report = gradcheck.check(gated(np.float64), *inputs(np.float32, 0))
    assert report.verdict == "pass" and not any(DOUBT in f.message for f in report.findings)


def test_an_error_as_small_as_roundings_that_scatters_not_is_none():
    report = gradcheck.check(gated(np.float64, factor=1 + 2.0**-23), *inputs(np.float32, 0))
    assert report.verdict == "fail"
