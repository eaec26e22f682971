"""What a user declares: of noise, of chance, of complex numbers."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.subjects.declared import NOTHING, Declared

X = np.random.default_rng(1).normal(size=(6, 5))


@pytest.mark.parametrize(
    ("option", "error", "message"),
    [
        ({"noise": "1e-6"}, TypeError, "gradcheck: noise must be a number, got str"),
        ({"noise": True}, TypeError, "gradcheck: noise must be a number, got bool"),
        ({"noise": -1e-6}, ValueError, "gradcheck: noise must lie in [0, 1), got -1e-06"),
        ({"noise": 1}, ValueError, "gradcheck: noise must lie in [0, 1), got 1"),
        ({"noise": float("nan")}, ValueError, "gradcheck: noise must lie in [0, 1), got nan"),
        ({"nondeterministic": 1}, TypeError, "gradcheck: nondeterministic must be True or False, got int"),
        ({"layouts": 0}, TypeError, "gradcheck: layouts must be True or False, got int"),
        ({"kinks": "all"}, ValueError, "gradcheck: kinks must be one of between, any, got 'all'"),
        ({"kinks": X}, TypeError, "gradcheck: kinks must be one of between, any, got ndarray"),
        ({"convention": [X]}, TypeError, "gradcheck: convention must be one of torch, jax, got list"),
        (
            {"straight_through": "x"},
            TypeError,
            "gradcheck: straight_through must be a tuple of names of arrays, got 'x'",
        ),
        (
            {"straight_through": {"x"}},
            TypeError,
            "gradcheck: straight_through must be a tuple of names of arrays, got set",
        ),
        ({"domain": "simplex"}, TypeError, "gradcheck: domain must be callable, got str"),
        ({"convention": "numpy"}, ValueError, "gradcheck: convention must be one of torch, jax, got 'numpy'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_any_work(option, error, message):
    with pytest.raises(error) as raised:
        gradcheck.Checker(**option)
    assert str(raised.value) == message


def test_without_a_declaration_nothing_is_said():
    assert NOTHING.notes() == [] and Declared(noise=0.0, nondeterministic=False, convention="torch") == NOTHING
    (finding,) = Declared(noise=1e-6).notes()
    assert (finding.kind, finding.severity, finding.message) == (
        "declared",
        "note",
        "as declared, every number is taken for right to 1e-06 of its size",
    )


def solver(error):
    """sin, right to a part of 1e-6, as an iteration that stops is: one point in, one error out."""

    def forward(x):
        return np.sin(x) * (1 + 1e-6 * np.cos(np.floor(np.real(x) * 1e3)))

    return pair(forward, lambda x, dy: dy * np.cos(x) * (1 + error))


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"noise": 1e-6}, "every number is taken for right to 1e-06 of its size"),
        ({"nondeterministic": True}, "two calls of the backward pass may differ by more than roundings"),
        ({"straight_through": ("w",)}, "w is straight through: its gradient was not compared"),
        ({"kinks": "any"}, "any gradient is right for an entry at a kink"),
        ({"domain": lambda x, w: True}, "points outside the domain do not count, nor do slopes that lead out of it"),
        ({"layouts": False}, "arrays came in one memory layout alone"),
    ],
)
def test_every_declaration_is_told_also_where_nothing_comes_of_it(option, told):
    product = pair(lambda x, w: x * w, lambda x, w, dy: (dy * w, dy * x))
    report = gradcheck.Checker(**option)(product, X, X + 1)
    assert report.verdict == "pass", str(report)
    assert [f.message for f in report.findings if f.kind == "declared"] == [f"as declared, {told}"]


def test_declared_noise_is_held_against_no_claim_and_hides_nothing_larger():
    check = gradcheck.Checker(noise=1e-6)
    report = check(solver(1e-7), X)
    assert report.verdict != "fail", str(report)
    assert gradcheck.Checker(noise=1e-6)(pair(np.sin, lambda x, dy: 1.1 * dy * np.cos(x)), X).verdict == "fail"
    assert check(pair(np.sin, lambda x, dy: dy * np.cos(x)), X).verdict == "pass"


def test_declared_noise_is_in_the_bars():
    right = pair(np.sin, lambda x, dy: dy * np.cos(x))
    plain, declared = (gradcheck.Checker(noise=noise)(right, X).gradients[0] for noise in (0.0, 1e-8))
    assert declared.bar > 100 * plain.bar and declared.digits < 8


def scattered(part, error=0.0):
    rng = np.random.default_rng(2)
    return pair(np.sin, lambda x, dy: dy * np.cos(x) * (1 + error + part * rng.uniform(-1, 1, x.shape)))


def test_a_backward_pass_that_scatters_by_roundings_passes_and_it_is_said():
    report = gradcheck.check(scattered(2.0**-50), X)
    assert report.verdict == "pass", str(report)
    assert "scatter" in {f.kind for f in report.findings}


@pytest.mark.parametrize("part", [1e-3, 1e-6])
def test_a_larger_scatter_fails_unless_it_is_declared(part):
    assert gradcheck.check(scattered(part), X).verdict == "fail"
    report = gradcheck.Checker(nondeterministic=True)(scattered(part), X)
    assert report.verdict != "fail", str(report)
    assert any("not deterministic, as declared" in f.message for f in report.findings if f.kind == "scatter")


def test_a_declared_scatter_hides_no_larger_error():
    assert gradcheck.Checker(nondeterministic=True)(scattered(1e-6, error=0.01), X).verdict == "fail"


W = np.random.default_rng(3).normal(size=(5, 3))


def quantised(d_x=lambda d: d, d_w=lambda d: d):
    """A product behind a rounding, whose gradient goes straight through it."""

    def rounded(x):
        return np.round(4 * x) / 4

    return pair(lambda x, w: rounded(x) @ w, lambda x, w, dy: (d_x(dy @ w.T), d_w(rounded(x).T @ dy)))


def test_a_gradient_that_is_declared_straight_through_is_not_compared_and_it_is_said():
    assert gradcheck.check(quantised(), X, W).gradients[0].verdict == "fail"
    report = gradcheck.Checker(straight_through=("x",))(quantised(), X, W)
    assert report.verdict == "pass", str(report)
    x, w = report.gradients
    assert (x.name, x.compared, x.digits, x.reason) == ("x", 0, None, "straight through, as declared: not compared")
    assert w.digits > 11
    assert any("x is straight through" in f.message for f in report.findings if f.kind == "declared")


def test_straight_through_covers_no_other_array_and_no_contract():
    check = gradcheck.Checker(straight_through=("x",))
    wrong = check(quantised(d_w=lambda d: 1.1 * d), X, W)
    assert [g.verdict for g in wrong.gradients] == ["pass", "fail"]
    nonlinear = check(quantised(d_x=np.abs), X, W)
    assert [g.verdict for g in nonlinear.gradients] == ["fail", "pass"]
    assert check(quantised(d_x=lambda d: d[:-1]), X, W).gradients[0].verdict == "fail"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("z",), "gradcheck: straight_through must name arrays among x, w, got 'z'"),
        (("x", "w"), "gradcheck: straight_through must leave an array to compare, got all: x, w"),
    ],
)
def test_straight_through_names_arrays_and_leaves_one(names, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (its text is compared)
        gradcheck.Checker(straight_through=names)(quantised(), X, W)
    assert str(raised.value) == message


def rectifier(slope_at_zero, slope=1.0):
    return pair(lambda x: x * (np.real(x) > 0), lambda x, dy: dy * np.where(x == 0, slope_at_zero, slope * (x > 0)))


def test_any_gradient_is_right_at_a_kink_where_that_is_declared_and_nowhere_else():
    x = np.maximum(X, 0)
    assert gradcheck.check(rectifier(2.0), x).verdict == "fail"
    report = gradcheck.Checker(kinks="any")(rectifier(2.0), x)
    assert report.verdict == "pass", str(report)
    assert any("any gradient is right for an entry at a kink" in f.message for f in report.findings)
    assert gradcheck.Checker(kinks="any")(rectifier(2.0, 1.01), x).verdict == "fail"
    assert gradcheck.Checker(kinks="any")(rectifier(np.nan), x).verdict == "fail"


def test_another_layout_is_not_tried_where_that_is_declared():
    def by_memory(x, dy):
        return (dy.ravel("K") * np.cos(x.ravel("K"))).reshape(x.shape)

    subject = pair(np.sin, by_memory)
    assert any(f.kind == "layout" for f in gradcheck.check(subject, X).findings)
    report = gradcheck.Checker(layouts=False)(subject, X)
    assert report.verdict == "pass", str(report)
    assert any("one memory layout alone" in f.message for f in report.findings)


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Declared).noise = None
