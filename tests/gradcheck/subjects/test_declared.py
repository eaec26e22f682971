"""What a user declares: of noise, of chance, of complex numbers."""

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
        ({"convention": "numpy"}, ValueError, "gradcheck: convention must be one of torch, jax, got 'numpy'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_any_work(option, error, message):
    with pytest.raises(error) as raised:
        gradcheck.Checker(**option)
    assert str(raised.value) == message


def test_without_a_declaration_nothing_is_said():
    assert NOTHING.notes() == [] and NOTHING == Declared(noise=0.0, nondeterministic=False, convention="torch")
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
