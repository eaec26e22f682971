"""Complex arrays are compared as pairs of real ones, in PyTorch's convention or in that of JAX."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.pairs import paired

rng = np.random.default_rng(1)
Z = rng.normal(size=6) + 1j * rng.normal(size=6)
W = rng.normal(size=(6, 3)) + 1j * rng.normal(size=(6, 3))
X = rng.normal(size=6)

# The forward pass, its backward pass in PyTorch's convention, a wrong one, the inputs
CASES = {
    "square": (lambda z: z * z, lambda z, dy: 2 * np.conj(z) * dy, lambda z, dy: 2 * z * dy, (Z,)),
    "conjugate": (np.conj, lambda z, dy: np.conj(dy), lambda z, dy: dy + 0, (Z,)),
    "modulus": (np.abs, lambda z, dy: dy * z / np.abs(z), lambda z, dy: dy * z, (Z,)),
    "real part": (lambda z: z.real * 1.0, lambda z, dy: dy + 0j, lambda z, dy: dy / 2 + 0j, (Z,)),
    "imaginary part": (lambda z: z.imag * 1.0, lambda z, dy: 1j * dy, lambda z, dy: -1j * dy, (Z,)),
    "squared modulus": (lambda z: (z * np.conj(z)).real, lambda z, dy: 2 * z * dy, lambda z, dy: z * dy, (Z,)),
    "product": (
        lambda z, w: z @ w,
        lambda z, w, dy: (dy @ np.conj(w).T, np.outer(np.conj(z), dy)),
        lambda z, w, dy: (dy @ w.T, np.outer(z, dy)),
        (Z, W),
    ),
    "transform of real numbers": (
        np.fft.fft,
        lambda x, dy: (x.size * np.fft.ifft(dy)).real,
        lambda x, dy: np.fft.fft(dy).real,
        (X,),
    ),
    "one entry of six": (
        lambda z: z * z,
        lambda z, dy: 2 * np.conj(z) * dy,
        lambda z, dy: 2 * np.where(np.arange(6) == 4, z, np.conj(z)) * dy,
        (Z,),
    ),
    "a real loss": (
        lambda z: (np.abs(z) ** 2).sum(),
        lambda z, dy: 2 * dy * z,
        lambda z, dy: 2 * dy * np.conj(z),
        (Z,),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_right_gradient_of_complex_numbers_passes_and_a_wrong_one_fails(name):
    forward, right, wrong, inputs = CASES[name]
    report = gradcheck.check(pair(forward, right), *inputs)
    assert report.verdict == "pass", str(report)
    assert gradcheck.check(pair(forward, wrong), *inputs).verdict == "fail"


@pytest.mark.parametrize("name", CASES)
def test_in_the_convention_of_jax_cotangents_and_gradients_are_conjugate(name):
    forward, right, wrong, inputs = CASES[name]

    def conjugate(backward):
        def pulled(*arguments):
            *values, dy = arguments
            rows = backward(*values, np.conj(dy))
            return tuple(np.conj(row) for row in rows) if isinstance(rows, tuple) else np.conj(rows)

        return pair(forward, pulled)

    check = gradcheck.Checker(convention="jax")
    assert check(conjugate(right), *inputs).verdict == "pass"
    assert check(conjugate(wrong), *inputs).verdict == "fail"


def test_the_other_convention_is_wrong():
    forward, right, _, inputs = CASES["square"]
    assert gradcheck.Checker(convention="jax")(pair(forward, right), *inputs).verdict == "fail"


@pytest.mark.parametrize(
    ("convention", "form"), [("torch", "dL/dx + i dL/dy, as in PyTorch"), ("jax", "dL/dx - i dL/dy, as in JAX")]
)
def test_it_is_said_what_is_complex_and_in_which_convention(convention, form):
    forward, right, _, inputs = CASES["product"]
    report = gradcheck.Checker(convention=convention)(pair(forward, right), *inputs)
    assert f"z, w are complex: compared as pairs (real, imaginary), gradients at x + i y taken for {form}" in [
        f.message for f in report.findings
    ]


def test_a_real_gradient_of_a_complex_array_fails():
    report = gradcheck.check(pair(lambda z: z * z, lambda z, dy: (2 * np.conj(z) * dy).real), Z)
    assert report.verdict == "fail"


def test_complex_parameters_of_a_layer_are_compared_by_name():
    class Map:
        def __init__(self, w):
            self.w = w

        def vjp(self, x):
            return x @ self.w, lambda dy: ({"w": np.outer(np.conj(x), dy)}, dy @ np.conj(self.w).T)

    report = gradcheck.check(Map(W), Z)
    assert report.verdict == "pass", str(report)
    assert [(g.name, g.shape) for g in report.gradients] == [("w", (6, 3, 2)), ("x", (6, 2))]


class Affine:
    """A layer of complex and of real arrays."""

    def __init__(self, names="wb"):
        self.w, self.b, self.names = W, X[:3], names

    def vjp(self, x):
        def pullback(dy):
            d = {"w": np.outer(np.conj(x), dy), "b": dy.real}
            return {name: d[name] for name in self.names}, dy @ np.conj(self.w).T

        return x @ self.w + self.b, pullback


def test_real_arrays_beside_complex_ones_stay_what_they_are():
    report = gradcheck.check(Affine(), Z)
    assert report.verdict == "pass", str(report)
    assert [(g.name, g.shape) for g in report.gradients] == [("w", (6, 3, 2)), ("b", (3,)), ("x", (6, 2))]


@pytest.mark.parametrize(("names", "missing"), [("w", "b"), ("b", "w")])
def test_a_gradient_that_is_missing_among_complex_ones_is_told(names, missing):
    report = gradcheck.check(Affine(names), Z)
    assert [f.array for f in report.findings if f.severity == "fail"] == [missing], str(report)


def test_complex64_passes():
    forward, right, _, inputs = CASES["product"]
    report = gradcheck.check(pair(forward, right), *(z.astype(np.complex64) for z in inputs))
    assert report.verdict == "pass", str(report)


class Way:
    """A pullback with a second pullback, made of two functions."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def __call__(self, dy):
        return self.first(dy)

    def vjp(self, dy):
        return self.first(dy), lambda c: self.second(dy, c)


def scaled_square(z, x, *, conjugated, factor=1.0):
    """Return z^2 x of complex z and real x; `conjugated` is PyTorch's convention."""
    conj = np.conj if conjugated else lambda z: z

    def second(dy, c):
        d_dz, d_dx = c
        dz = factor * (2 * x * (np.conj(d_dz) if conjugated else d_dz) * dy + 2 * conj(z) * dy * d_dx)
        dx = (2 * conj(z) * dy * (np.conj(d_dz) if conjugated else d_dz)).real
        return dz, dx, (2 * z * x * d_dz + z * z * d_dx)

    return z * z * x, Way(lambda dy: (2 * conj(z) * x * dy, (conj(z * z) * dy).real), second)


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_the_second_order_of_complex_numbers_keeps_to_the_convention(convention):
    check, conjugated = gradcheck.Checker(order=2, convention=convention), convention == "torch"
    report = check(scaled_square, Z, X, conjugated=conjugated)
    assert report.verdict == "pass", str(report)
    assert [g.name for g in report.gradients if g.order == 2] == [f"second order, {name}" for name in ("z", "x", "dy")]
    wrong = check(scaled_square, Z, X, conjugated=conjugated, factor=1.001)
    assert [g.name for g in wrong.gradients if g.verdict == "fail"] == ["second order, z"]


def test_complex_numbers_without_a_second_pullback_are_checked_for_symmetry():
    report = gradcheck.check(pair(lambda z: z * z, lambda z, dy: 2 * np.conj(z) * dy), Z, order=2)
    assert report.verdict == "pass", str(report)
    assert report.symmetry.digits > 8 and all(g.order == 1 for g in report.gradients)


def test_what_a_subject_of_complex_numbers_learns_as_it_is_called_is_told():
    class Learning(Adapted):
        name = "learning"

        def __init__(self):
            self.findings = [Finding("first", "known before", "note")]

        def vjp(self, parameters, inputs, constants):
            (z,) = inputs
            self.findings = [*self.findings, Finding(f"at call {len(self.findings)}", "learned", "note")]
            return 2 * z, lambda dy: (None, (2 * dy,))

    kinds = [f.kind for f in gradcheck.check(Learning(), np.array([1 + 2j, 3 - 1j])).findings]
    assert {"first", "at call 1", "complex"} <= set(kinds)


def test_of_complex_numbers_balls_are_not_asked_and_it_is_said():
    forward, right, _, inputs = CASES["square"]
    report = gradcheck.check(pair(forward, right), *inputs, exact=True)
    assert report.verdict == "pass" and "complex numbers" in report.gradients[0].exact.reason, str(report)


@pytest.mark.parametrize("claim", [np.array(["a"] * 6), np.zeros(6, [("a", float)]), np.zeros(6, "M8[s]"), "a", None])
def test_a_claim_that_holds_no_numbers_fails_as_one_for_real_arrays_does(claim):
    for x in (Z, X):
        assert gradcheck.check(lambda x: (2 * x, lambda dy: claim), x).verdict == "fail"


def test_a_number_that_does_not_change_with_complex_arrays_is_an_output_as_it_is_with_real_ones():
    for x in (Z, X):
        assert gradcheck.check(lambda x: (1.5, lambda dy: np.zeros_like(x)), x).verdict == "inconclusive"
        assert gradcheck.check(lambda x: (1.5, lambda dy: np.ones_like(x) * dy), x).verdict == "fail"


def test_a_complex_number_becomes_a_pair_and_what_is_real_stays():
    assert paired(1.5 + 2j).tolist() == [1.5, 2.0] and paired(1.5) == 1.5
    assert paired([np.array([1 + 2j]), 3])[0].tolist() == [[1.0, 2.0]]



@pytest.mark.parametrize("z", [np.ma.array([1.0 + 2j, 3.0], mask=[0, 1]), np.array([[1.0 + 2j, 3.0]]).view(np.matrix)])
def test_what_computes_otherwise_than_arrays_do_is_refused_before_its_numbers_are_taken(z):
    subject = gradcheck.adapters.pair(lambda z: 2 * z, lambda z, dy: 2 * dy)
    for given, name in ((z, "z"), ([z], r"z\[0\]")):
        with pytest.raises(TypeError, match=rf"^gradcheck: {name} must be a plain NumPy array, got a (masked|numpy)"):
            gradcheck.check(subject, given)
    with pytest.raises(TypeError, match=r"^gradcheck\.derivative: x must be a plain array, got a (masked|numpy)"):
        gradcheck.derivative(np.sin, z, z)
