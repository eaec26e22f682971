"""The verdicts on all arrays, and what is said of each: of gradients that are nothing, and of nothing compared."""

import numpy as np

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict.verdicts import _contradiction

X = np.random.default_rng(1).normal(size=(4, 5))


def said(report, kind):
    return [f.message for f in report.findings if f.kind == kind]


def test_a_check_of_nothing_is_inconclusive():
    report = gradcheck.check(pair(lambda x: np.tanh(x + 400), lambda x, dy: 0 * dy), X)
    assert report.verdict == "inconclusive"
    message = "every gradient is below the noise: nothing was checked"
    assert said(report, "vacuous") == [message]


def test_a_right_gradient_too_small_to_see_is_not_rejected():
    def forward(x):
        return np.tanh(50 * np.real(x))  # 1 to the last bit

    report = gradcheck.check(pair(forward, lambda x, dy: 50 * dy / np.cosh(50 * x) ** 2), np.array([-0.7, 0.8, 0.9]))
    assert report.verdict == "inconclusive", str(report)
    wrong = gradcheck.check(pair(forward, lambda x, dy: 1e-6 * dy), np.array([-0.7, 0.8, 0.9]))
    assert wrong.verdict == "fail"


def test_a_gradient_that_is_structurally_zero_passes_without_digits(rng):
    def softmax(x):
        e = np.exp(x)
        return e / e.sum(axis=-1, keepdims=True)

    def vjp(x, shift):
        p = softmax(x + shift)

        def pullback(dy):
            dx = p * (dy - (p * dy).sum(axis=-1, keepdims=True))
            return dx, dx.sum(axis=-1, keepdims=True)

        return p, pullback

    report = gradcheck.check(vjp, X, rng.normal(size=(4, 1)))
    assert report.verdict == "pass", str(report)
    dx, shift = report.gradients
    assert dx.digits > 11 and shift.digits is None and shift.real_digits is None
    assert 0 < shift.bar < 1e-12


def test_a_zero_that_is_claimed_to_be_something_fails():
    f = pair(lambda x, u: x * x + 0 * u, lambda x, u, dy: (2 * x * dy, 1e-6 * dy))
    report = gradcheck.check(f, X, X.copy())
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["u"]


def test_something_that_is_claimed_to_be_zero_fails():
    f = pair(lambda x, u: x * x + 1e-6 * u, lambda x, u, dy: (2 * x * dy, 0 * dy))
    report = gradcheck.check(f, X, X.copy())
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["u"]


def test_an_error_far_below_the_other_gradients_is_seen():
    f = pair(lambda x, u: 1e6 * np.sin(x) + 1e-3 * u * u, lambda x, u, dy: (1e6 * np.cos(x) * dy, 2.1e-3 * u * dy))
    report = gradcheck.check(f, X, X.copy())
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["u"]


def test_empty_arrays_have_nothing_to_compare():
    report = gradcheck.check(lambda x: (x * x, lambda dy: 2 * x * dy), np.zeros((0, 3)))
    assert report.verdict == "inconclusive", str(report)
    assert said(report, "vacuous") == ["nothing was compared: no array has an entry"]
    assert report.gradients[0].compared == 0


def test_an_output_without_entries_has_no_gradient_to_compare():
    report = gradcheck.check(lambda x: (x[:0], lambda dy: np.zeros_like(x)), X)
    assert report.verdict != "fail", str(report)


def test_a_scalar_is_an_input_and_an_output():
    report = gradcheck.check(lambda x: (x * x * x, lambda dy: 3 * x * x * dy), 1.75)
    assert report.verdict == "pass", str(report)
    report = gradcheck.check(lambda x: (float(np.vdot(x, x)), lambda dy: 2 * x * dy), X)
    assert report.verdict == "pass", str(report)
    assert gradcheck.check(lambda x: (x * x, lambda dy: 2.1 * x * dy), 1.75).verdict == "fail"


def test_a_failure_that_no_single_entry_shows_is_told_without_numbers():
    message = "x: the pullback contradicts real differences"
    assert _contradiction(gradcheck.Gradient("x", (4, 5), "fail")) == message
