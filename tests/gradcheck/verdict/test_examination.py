"""Whole checks: kinks, ties, scales, offsets, points that hide something, and gradients that are nothing."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict.verdicts import _contradiction
from reference.layers.layernorm import LayerNorm

rng = np.random.default_rng(1)
X = rng.normal(size=(4, 5))


def said(report, kind):
    return [f.message for f in report.findings if f.kind == kind]


def normalised(x):
    c = x - x.mean(axis=-1, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=-1, keepdims=True))


def normalised_backward(x, dy):
    c = x - x.mean(axis=-1, keepdims=True)
    s = np.sqrt((c * c).mean(axis=-1, keepdims=True))
    n = c / s
    return (dy - dy.mean(axis=-1, keepdims=True) - n * (dy * n).mean(axis=-1, keepdims=True)) / s


def relu(at_zero):
    return pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * np.where(x == 0, at_zero, x > 0))


# Kinks


@pytest.mark.parametrize("at_zero", [0.0, 0.3, 1.0])
def test_at_a_kink_every_subgradient_is_right(at_zero):
    report = gradcheck.check(relu(at_zero), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "pass", str(report)
    assert report.gradients[0].kinks == 1
    assert report.gradients[0].digits > 11


@pytest.mark.parametrize("at_zero", [-0.01, 1.01, 2.0, np.nan])
def test_at_a_kink_what_lies_outside_the_one_sided_derivatives_fails(at_zero):
    report = gradcheck.check(relu(at_zero), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "fail"
    assert report.gradients[0].worst_index == (0,)


def bent(weight):
    """Curved on both sides of a kink at 0, where the slope from the right is -1 and from the left 1."""

    def backward(x, dy):
        at_zero = 1 - 2 * weight
        return dy * np.where(x > 0, -np.exp(x) - 2 * x, np.where(x == 0, at_zero, np.cos(x) + 2 * x))

    return pair(lambda x: np.where(x > 0, -np.expm1(x) - x * x, np.sin(x) + x * x), backward)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_both_ends_of_the_interval_are_right_where_the_function_is_curved(weight):
    assert gradcheck.check(bent(weight), np.array([0.0, 1.5, -2.0, 0.7])).verdict == "pass"


@pytest.mark.parametrize("weight", [-1e-6, 1 + 1e-6])
def test_just_beyond_an_end_is_wrong_where_the_function_is_curved(weight):
    report = gradcheck.check(bent(weight), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "fail" and report.gradients[0].wrong == [(0,)]


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 3e-7, 1e-8, -1e-8, -3e-7, -1e-3])
def test_near_a_kink_the_side_that_x_is_on_decides(distance):
    x = np.array([distance, 1.5, -2.0, 0.7])
    assert gradcheck.check(relu(0.0), x).verdict == "pass"
    wrong = pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > -0.3) * (x < 1))
    assert gradcheck.check(wrong, x).verdict == "fail"


def test_zeros_of_a_large_input_are_looked_at_too(rng):
    x = rng.normal(size=600)
    x[rng.choice(600, 30, replace=False)] = 0
    assert gradcheck.check(relu(0.5), x).verdict == "pass"
    report = gradcheck.check(relu(-1.0), x)
    assert report.verdict == "fail" and x[report.gradients[0].worst_index] == 0


def biggest(share):
    """The maximum of each row; of several that are equal, `share` decides."""

    def backward(x, dy):
        top = x == x.max(axis=-1, keepdims=True)
        return dy * (top / top.sum(axis=-1, keepdims=True) if share == "equal" else share * top)

    return pair(lambda x: x.max(axis=-1, keepdims=True), backward)


def test_a_tie_shared_is_right_and_a_tie_counted_twice_is_not():
    x = np.array([[1.0, 3.0, 3.0, -2.0], [0.5, 2.0, -1.0, 0.3]])
    assert gradcheck.check(biggest("equal"), x).verdict == "pass"
    report = gradcheck.check(biggest(1.0), x)  # each entry a valid subgradient, together none
    assert report.verdict == "fail", str(report)


def test_a_tie_between_two_arrays_is_no_evidence(rng):
    f = pair(np.maximum, lambda a, b, dy: (dy * (a >= b), dy * (b > a)))
    x = np.repeat(rng.normal(size=4), 2)
    assert gradcheck.check(f, x, x.copy()).verdict == "pass"


# Scales, offsets, wide ranges


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


# Points that hide something


def test_parameters_before_training_are_moved_and_it_is_said():
    report = gradcheck.check(LayerNorm.init(5, np.float64), X)
    assert report.verdict == "pass", str(report)
    assert said(report, "moved") == [
        "gamma is all ones: it was checked at a generic value",
        "beta is all zeros: it was checked at a generic value",
    ]


def test_a_bug_that_parameters_of_one_hide_is_found():
    class NoGamma(LayerNorm):
        def vjp(self, x):
            y, _ = super().vjp(x)
            _, plain = LayerNorm(np.ones(5), np.zeros(5)).vjp(x)

            def pullback(dy):
                d_layer, dx = plain(dy)
                return NoGamma(d_layer.gamma, d_layer.beta), dx

            return y, pullback

    report = gradcheck.check(NoGamma.init(5, np.float64), X)
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["x"], str(report)


def test_a_dimension_of_one_is_noted_and_decides_nothing():
    report = gradcheck.check(pair(lambda x: np.sin(x), lambda x, dy: np.cos(x) * dy), X[:1])
    assert report.verdict == "pass"
    assert said(report, "dimension") == ["x has a dimension of 1, which can hide a wrong sum or axis"]


def test_at_the_border_of_the_domain_only_the_given_point_is_checked():
    root = pair(lambda x: np.sqrt(1 - x), lambda x, dy: -dy / (2 * np.sqrt(1 - x)))
    x = np.array([1 - 1e-3, 0.9, 0.5])
    report = gradcheck.check(root, x)
    assert report.verdict == "pass", str(report)
    assert said(report, "domain") == ["a point 5 % away leaves the domain: it was checked at the given point only"]
    wrong = pair(lambda x: np.sqrt(1 - x), lambda x, dy: -dy / (2.01 * np.sqrt(1 - x)))
    assert gradcheck.check(wrong, x).verdict == "fail"


# Gradients that are nothing


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


def test_a_uniform_error_of_one_in_1e10_is_seen_and_rounding_is_not_taken_for_one():
    for error, verdict in ((1e-3, "fail"), (1e-6, "fail"), (1e-10, "fail"), (1e-15, "pass")):
        wrong = pair(normalised, lambda x, dy, e=error: normalised_backward(x, dy) * (1 + e))
        assert gradcheck.check(wrong, X).verdict == verdict, error


def test_a_failure_that_no_single_entry_shows_is_told_without_numbers():
    message = "x: the pullback contradicts real differences"
    assert _contradiction(gradcheck.Gradient("x", (4, 5), "fail")) == message
