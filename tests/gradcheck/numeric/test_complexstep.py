"""The complex step is believed only where it can be shown to be the derivative."""

import warnings

import numpy as np
import pytest
import scipy.special

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric import complexstep
from gradcheck.numeric.probe import Probe
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(1).normal(size=(3, 4))


def notes(report):
    return [f.message for f in report.findings if f.kind == "complex"]


def cast(z):
    return np.asarray(z, np.float64)


def spoilt(z):
    return np.where(np.imag(z) != 0, np.nan, z)


def picky(z):
    if np.iscomplexobj(z):
        raise TypeError("no complex numbers here")
    return z * z


def narrow(z):
    return z.astype(np.complex64) if np.iscomplexobj(z) else z


def swollen(z):
    return np.concatenate([z, z]) if np.iscomplexobj(z) else z + 0


def shifted(z):
    return z + 0.5 if np.iscomplexobj(z) else z + 0


def shifted_at_one(z):
    """Off in the first entry alone, by a part of 1e-12: a thousand roundings."""
    return z + 1e-12 * (np.arange(z.size).reshape(z.shape) == 0) if np.iscomplexobj(z) else z + 0


def spoilt_at_one(z):
    return np.where((np.arange(z.size).reshape(z.shape) == 0) & np.iscomplexobj(z), np.inf, z)


def one(x, dy):
    return dy


@pytest.mark.parametrize(
    ("forward", "backward", "message"),
    [
        (picky, lambda x, dy: 2 * x * dy, "no complex step: complex input raises TypeError"),
        (cast, one, "no complex step: complex input raises ComplexWarning"),
        (np.real, one, "no complex step: complex input gives float64 output"),
        (np.abs, lambda x, dy: np.sign(x) * dy, "no complex step: complex input gives float64 output"),
        (narrow, one, "no complex step: complex input gives complex64 output"),
        (swollen, one, "no complex step: complex input changes the output's shape"),
        (spoilt, one, "no complex step: complex input gives output that is not finite"),
        (shifted, one, "no complex step: complex input changes the output's real part"),
        (shifted_at_one, one, "no complex step: complex input changes the output's real part"),
        (spoilt_at_one, one, "no complex step: complex input gives output that is not finite"),
    ],
)
def test_a_function_that_takes_no_complex_input_is_differenced_instead(forward, backward, message):
    report = gradcheck.check(pair(forward, backward), X)
    assert report.verdict == "pass", str(report)
    assert notes(report) == [message]
    assert report.gradients[0].method == "real differences"
    assert report.gradients[0].digits > 7


SILENT = {
    "abs": (lambda x: x * np.abs(x), lambda x, dy: 2 * np.abs(x) * dy),
    "real": (lambda x: x * np.real(x), lambda x, dy: 2 * x * dy),
    "conj": (lambda x: x * np.conj(x), lambda x, dy: 2 * x * dy),
    "norm": (
        lambda x: x * np.linalg.norm(x),
        lambda x, dy: dy * np.linalg.norm(x) + x * np.vdot(x, dy) / np.linalg.norm(x),
    ),
    "var": (lambda x: x * np.var(x), lambda x, dy: dy * np.var(x) + 2 * (x - x.mean()) / x.size * np.vdot(x, dy)),
    "vdot": (lambda x: x * np.vdot(x, x), lambda x, dy: dy * np.vdot(x, x) + 2 * x * np.vdot(x, dy)),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_silently_wrong_complex_step_is_found_out_and_not_believed(name):
    forward, backward = SILENT[name]
    report = gradcheck.check(pair(forward, backward), X)
    assert report.verdict == "pass", str(report)
    assert notes(report) == ["complex step not believed for x: real differences contradict it"]
    assert report.gradients[0].method == "real differences"


@pytest.mark.parametrize("name", SILENT)
def test_a_gradient_that_agrees_with_a_wrong_complex_step_fails(name):
    forward, _ = SILENT[name]

    def backward(x, dy):
        """Column by column what the complex step says."""
        dx = np.zeros_like(x)
        for i in range(x.size):
            z = x.astype(complex)
            z.flat[i] += 1e-30j
            dx.flat[i] = np.sum(dy * forward(z).imag) / 1e-30
        return dx

    assert gradcheck.check(pair(forward, backward), X).verdict == "fail"


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (np.exp, lambda x, dy: np.exp(x) * dy),
        (np.tanh, lambda x, dy: (1 - np.tanh(x) ** 2) * dy),
        (scipy.special.erf, lambda x, dy: 2 / np.sqrt(np.pi) * np.exp(-x * x) * dy),
        (lambda x: np.where(x > 0, x, 0.01 * x), lambda x, dy: np.where(x > 0, dy, 0.01 * dy)),
        (lambda x: np.maximum(x, 0), lambda x, dy: np.where(x > 0, dy, 0)),
        (lambda x: np.linalg.solve(np.eye(3) * 2 + x @ x.T, x)[0], None),
    ],
    ids=["exp", "tanh", "erf", "where", "maximum", "solve"],
)
def test_an_honest_complex_step_is_believed(forward, backward):
    if backward is None:  # the derivative of solve, entry by entry: only whether it is believed is asked

        def backward(x, dy):
            dx = np.zeros_like(x)
            for i in range(x.size):
                z = x.astype(complex)
                z.flat[i] += 1e-30j
                dx.flat[i] = np.sum(dy * forward(z).imag) / 1e-30
            return dx

    report = gradcheck.check(pair(forward, backward), X)
    assert report.verdict == "pass", str(report)
    assert not notes(report)
    assert report.gradients[0].method == "complex step"
    assert report.gradients[0].digits > 12


def test_a_subject_that_is_not_complex_safe_is_never_called_with_complex_arrays():
    subject = pair(np.sin, lambda x, dy: np.cos(x) * dy)
    subject.complex_safe = False
    report = gradcheck.check(subject, X)
    assert report.verdict == "pass" and report.calls["complex forward"] == 0
    assert notes(report) == ["no complex step: not available for this kind of subject"]


def test_where_a_few_roundings_lead_out_of_the_domain_the_very_point_is_asked_again():
    seen = []

    def forward(x):
        seen.append(x)
        if (np.real(x) > X).any():
            raise ValueError("x must not be larger")
        return np.sin(x)

    problem = Problem(pair(forward, one), (X,), {})
    g, probe = np.ones((1, X.size)), Probe(0)
    value, _ = complexstep.projected(complexstep.slopes(problem, [X], probe), g)
    spread = complexstep.noise(problem, [X], probe, g, np.random.default_rng(3), value)
    assert np.array_equal(np.real(seen[-1]), X) and not np.array_equal(np.real(seen[-2]), X)
    assert spread <= 64 * 2.0**-53 * X.size


def test_the_noise_is_the_largest_change_that_a_few_roundings_of_the_point_make():
    problem = Problem(pair(lambda x: x * x * x, one), (X,), {})
    g, probe = np.ones((1, X.size)), Probe(0)
    value, _ = complexstep.projected(complexstep.slopes(problem, [X], probe), g)
    spreads = [complexstep.noise(problem, [X], probe, g, np.random.default_rng(3), value, n)[0] for n in range(6)]
    assert spreads[0] == 0 and 0 < spreads[-1] <= 64 * 2.0**-53 * X.size
    assert spreads == sorted(spreads) and len(set(spreads)) > 2


def test_a_warning_about_complex_numbers_is_no_refusal():
    def forward(x):
        if np.iscomplexobj(x):
            warnings.warn("unusual numbers", RuntimeWarning, stacklevel=1)
        return np.sin(x)

    report = gradcheck.check(pair(forward, lambda x, dy: np.cos(x) * dy), X)
    assert report.gradients[0].method == "complex step" and not notes(report)


@pytest.mark.parametrize("largest", [2.0**-10, 1.0, 2.0**10])
def test_a_real_part_may_differ_by_64_roundings_of_the_largest_output(largest):
    y = largest * np.array([1.0, 2.0**-5])

    def why(roundings):
        moved = y + np.array([0.0, roundings * np.finfo(float).eps * largest])
        problem = Problem(pair(lambda x: x, lambda x, dy: dy), (y,), {})
        problem.forward = lambda arrays: moved + 0j
        return complexstep.tried(problem, [y], y, Probe(None))[0]

    assert why(64) is None and why(-64) is None
    assert why(64.5) == why(-64.5) == "complex input changes the output's real part"


def test_repetitions_are_of_steps_of_their_own_up_to_twice_as_long():
    steps = []
    problem = Problem(pair(lambda x: steps.append(float(np.imag(x))) or x, one), (np.array(1.0),), {})
    probe = Probe(0, coordinate=0)
    complexstep.noise(problem, [np.array(1.0)], probe, np.ones((1, 1)), np.random.default_rng(3), np.zeros(1), 8)
    parts = np.array(steps) * 2.0**100
    assert len(set(parts)) == 8 and 1 < parts.min() < 1.5 < parts.max() < 2


def test_what_overflows_inside_is_no_error_where_the_user_asks_for_errors():
    problem = Problem(pair(lambda x: x + 1 / np.exp(1e6 + np.real(x) ** 2), one), (X,), {})
    with np.errstate(all="raise"):
        slope = complexstep.slopes(problem, [X], Probe(0, coordinate=1))
    assert slope[1] > 0 and not np.delete(slope, 1).any()


def test_every_output_itself_has_a_rounding_as_large_as_its_slope():
    value, size = complexstep.projected(np.array([-2.0, 3.0]), None)
    assert value.tolist() == [-2.0, 3.0] and size.tolist() == [2.0, 3.0]


def test_products_of_many_outputs_have_roundings_that_add_up_as_if_independent():
    value, size = complexstep.projected(np.array([3.0, -4.0]), np.array([[1.0, 1.0], [0.0, -2.0]]))
    assert value.tolist() == [-1.0, 8.0] and size.tolist() == [5.0, 8.0]


@pytest.mark.parametrize(("imaginary", "told"), [(2.0**10, False), (2.0**-10, True)])
def test_where_all_outputs_are_zero_a_real_part_is_held_against_the_imaginary_one(imaginary, told):
    problem = Problem(pair(lambda x: x, lambda x, dy: dy), (np.ones(2),), {})
    problem.forward = lambda arrays: np.full(2, 64 * np.finfo(float).eps + 1j * imaginary)
    why, _ = complexstep.tried(problem, [np.ones(2)], np.zeros(2), Probe(None))
    assert (why is not None) == told
