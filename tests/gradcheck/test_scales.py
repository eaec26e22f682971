"""The scale of the input, a constant beside it and entries of many sizes hide nothing."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

X = np.random.default_rng(1).normal(size=(4, 5))


def normalised(x):
    c = x - x.mean(axis=-1, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=-1, keepdims=True))


def normalised_backward(x, dy):
    c = x - x.mean(axis=-1, keepdims=True)
    s = np.sqrt((c * c).mean(axis=-1, keepdims=True))
    n = c / s
    return (dy - dy.mean(axis=-1, keepdims=True) - n * (dy * n).mean(axis=-1, keepdims=True)) / s


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_the_scale_of_the_input_is_no_matter(size):
    right = pair(normalised, normalised_backward)
    report = gradcheck.check(right, size * X)
    assert report.verdict == "pass", str(report)
    assert report.gradients[0].digits > 10
    wrong = pair(normalised, lambda x, dy: normalised_backward(x, dy) * (1 + 1e-7))
    assert gradcheck.check(wrong, size * X).verdict == "fail"


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_a_large_constant_in_the_output_hides_nothing(offset):
    right = pair(lambda x: np.sin(x) + offset, lambda x, dy: np.cos(x) * dy)
    assert gradcheck.check(right, X).verdict == "pass"
    wrong = pair(lambda x: np.sin(x) + offset, lambda x, dy: np.cos(x) * dy * 1.001)
    assert gradcheck.check(wrong, X).verdict == "fail"


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_a_large_constant_in_the_input_hides_nothing(offset):
    right = pair(lambda x: np.sin(x - offset), lambda x, dy: np.cos(x - offset) * dy)
    assert gradcheck.check(right, X + offset).verdict == "pass"
    wrong = pair(lambda x: np.sin(x - offset), lambda x, dy: np.cos(x - offset) * dy * 1.001)
    assert gradcheck.check(wrong, X + offset).verdict == "fail"


def test_entries_of_many_sizes_in_one_array_are_all_looked_at():
    x = 10.0 ** np.arange(-6, 6)
    log = pair(np.log, lambda x, dy: dy / x)
    report = gradcheck.check(log, x)
    assert report.verdict == "pass", str(report)

    def backward(x, dy):
        return dy / np.where(x < 2e-6, x + 1e-8, x)

    report = gradcheck.check(pair(np.log, backward), x)
    assert report.verdict == "fail" and report.gradients[0].wrong == [(0,)]


def test_fast_oscillation_is_not_mistaken_for_nothing():
    for frequency in (64, 200):
        w = 2 * np.pi * frequency
        right = pair(lambda x, w=w: np.sin(w * x), lambda x, dy, w=w: w * np.cos(w * x) * dy)
        assert gradcheck.check(right, np.array([0.25, 0.5, 1.0, 2.0])).verdict == "pass"
        still = pair(lambda x, w=w: np.sin(w * x), lambda x, dy: 0 * dy)
        assert gradcheck.check(still, np.array([0.25, 0.5, 1.0, 2.0])).verdict == "fail"


def test_a_function_that_rounds_its_output_is_not_believed_beyond_that():
    def forward(x):
        return np.round(np.sin(np.real(x)) * 1e6) / 1e6  # noise far above float64's own

    report = gradcheck.check(pair(forward, lambda x, dy: np.cos(x) * dy), X)
    assert report.verdict != "fail", str(report)
    assert gradcheck.check(pair(forward, lambda x, dy: 1.1 * np.cos(x) * dy), X).verdict == "fail"


def test_a_uniform_error_of_one_in_1e10_is_seen_and_rounding_is_not_taken_for_one():
    for error, verdict in ((1e-3, "fail"), (1e-6, "fail"), (1e-10, "fail"), (1e-15, "pass")):
        wrong = pair(normalised, lambda x, dy, e=error: normalised_backward(x, dy) * (1 + e))
        assert gradcheck.check(wrong, X).verdict == verdict, error


@pytest.mark.parametrize("fast", [1e10, 1e12])
def test_a_wave_faster_than_all_steps_is_neither_right_nor_wrong(fast):
    x = np.random.default_rng(0).normal(size=(4, 3))
    right = gradcheck.check(pair(lambda x: np.sin(fast * x), lambda x, dy: dy * fast * np.cos(fast * x)), x)
    wrong = gradcheck.check(pair(lambda x: np.sin(fast * x), lambda x, dy: 1.1 * dy * fast * np.cos(fast * x)), x)
    assert right.verdict != "fail" and wrong.verdict != "pass", f"{right}\n{wrong}"
    assert all(g.real_digits is None or g.real_digits > 0 for g in right.gradients)


@pytest.mark.parametrize("size", [1e-8, 1e-10])
@pytest.mark.parametrize("takes", [np.asarray, np.real])  # complex numbers, or none
def test_a_tiny_gradient_beside_a_large_one_is_not_passed_unseen(size, takes):
    """Wrong at the given point alone: what f is within 0.002 of 1/2 the claim forgets."""
    w = np.random.default_rng(0).uniform(0.4995, 0.5005, 5)

    def forward(x, w):
        x, w = takes(x), takes(w)
        return np.append(np.sin(x).ravel(), size * np.where(np.abs(w.real - 0.5) < 0.002, w * w, w))

    def summed(x, w):
        return forward(x, w).sum()

    def backward(x, w, dy):
        return np.cos(x) * np.broadcast_to(dy, 25)[:20].reshape(4, 5), size * np.broadcast_to(dy, 25)[20:]

    report = gradcheck.check(pair(forward, backward), X, w)
    assert [g.verdict for g in report.gradients] == ["pass", "fail"], str(report)
    report = gradcheck.check(pair(summed, backward), X, w)
    assert report.gradients[0].verdict == "pass" and report.gradients[1].verdict != "pass", str(report)
