"""Inputs that lie in a domain: gradients are compared along it alone, and no point outside it is asked for."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.claims.within import MOST

M = np.random.default_rng(0).normal(size=(4, 4))
POSITIVE = M @ M.T + 4 * np.eye(4)
P = np.array([0.1, 0.2, 0.3, 0.15, 0.25])


def symmetric(a):
    return (a + a.T) / 2


def on_simplex(p):
    return p / p.sum()


def log_determinant(factor=1.0):
    """The logarithm of a determinant by a factorisation that reads one triangle."""
    return pair(
        lambda a: 2 * np.log(np.diag(np.linalg.cholesky(a))).sum(), lambda a, dy: factor * dy * np.linalg.inv(a)
    )


def entropy(constant, factor=1.0):
    """On a simplex the constant of its gradient is free: no slope within it sees one."""
    return pair(lambda p: -(p * np.log(p)).sum(), lambda p, dy: -factor * dy * (np.log(p) + constant))


def test_of_a_symmetric_matrix_the_symmetric_part_of_a_gradient_counts():
    assert gradcheck.check(log_determinant(), POSITIVE).verdict == "fail"
    report = gradcheck.Checker(domain=symmetric)(log_determinant(), POSITIVE)
    assert report.verdict == "pass", str(report)
    assert any("outside the domain" in f.message for f in report.findings if f.kind == "declared")


@pytest.mark.parametrize("factor", [1.01, 1 + 1e-6, -1.0])
def test_what_is_wrong_within_the_domain_fails(factor):
    assert gradcheck.Checker(domain=symmetric)(log_determinant(factor), POSITIVE).verdict == "fail"
    assert gradcheck.Checker(domain=on_simplex)(entropy(1.0, factor), P).verdict == "fail"


@pytest.mark.parametrize("constant", [0.0, 1.0, -3.0])
def test_on_a_curved_domain_the_slope_of_the_projection_is_measured_where_it_is_needed(constant):
    report = gradcheck.Checker(domain=on_simplex)(entropy(constant), P)
    assert report.verdict == "pass", str(report)
    assert (gradcheck.check(entropy(constant), P).verdict == "pass") == (constant == 1.0)


def test_a_predicate_keeps_every_step_within_the_domain():
    asked = []

    def root(x):
        asked.append(np.min(np.real(x)))
        return np.sqrt(x)

    x = np.array([0.901, 1.0, 2.0])
    check = gradcheck.Checker(domain=lambda x: bool((x > 0.9).all()))
    report = check(pair(root, lambda x, dy: dy / 2 / np.sqrt(x)), x)
    assert report.verdict == "pass", str(report)
    assert min(asked) > 0.9
    assert check(pair(np.sqrt, lambda x, dy: dy / 3 / np.sqrt(x)), x).verdict == "fail"


def test_several_inputs_are_brought_back_together_and_constants_stay():
    def together(x, y):
        mean = (x + y) / 2
        return mean, mean

    shared = pair(lambda x, y: np.sin(x) * y, lambda x, y, dy: (dy * (np.cos(x) * y + np.sin(x)), 0 * dy))
    assert gradcheck.Checker(domain=together)(shared, P, P).verdict == "pass"
    assert gradcheck.check(shared, P, P).verdict == "fail"


@pytest.mark.parametrize(
    ("domain", "x", "message"),
    [
        (symmetric, M, "gradcheck: the inputs must lie in the declared domain, got them .* away from it"),
        (lambda x: bool(x.sum() > 100), M, "gradcheck: the inputs must lie in the declared domain, got False for them"),
        (lambda x: x[:-1], M, r"gradcheck: domain must return True, False or inputs of shapes .*\(4, 4\).*\(3, 4\)"),
        (lambda x: x, np.ones(MOST + 1), f"gradcheck: a projection takes at most {MOST} entries, got {MOST + 1}"),
    ],
)
def test_a_domain_that_does_not_fit_is_refused(domain, x, message):
    with pytest.raises(ValueError, match=message):
        gradcheck.Checker(domain=domain)(pair(np.sin, lambda x, dy: dy * np.cos(x)), x)
