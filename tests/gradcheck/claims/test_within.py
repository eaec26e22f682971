"""Inputs that lie in a domain: gradients are compared along it alone, and no point outside it is asked for."""

import types

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import forward_mode, pair
from gradcheck.claims.projection import MOST
from gradcheck.claims.within import Within

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


class Way:
    """A pullback with a second pullback, made of two functions."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def __call__(self, dy):
        return self.first(dy)

    def vjp(self, dy):
        return self.first(dy), lambda c: self.second(dy, c)


def cube(x, *, factor=1.0, of_dy=1.0):
    return x * x * x, Way(lambda dy: 3 * x * x * dy, lambda dy, c: (factor * 6 * x * dy * c, of_dy * 3 * x * x * c))


class Scaled:
    """w x^2, w being a parameter; of a wrong one the second pullback drops what w owes to the cotangent of x."""

    def __init__(self, w, wrong=False):
        self.w, self.wrong = w, wrong

    def vjp(self, x):
        w = self.w

        def second(dy, c):
            c_w, c_x = c[0].w, c[1]
            d_w = 2 * x * dy * c_x * (not self.wrong)
            return {"w": d_w}, 2 * x * dy * c_w + 2 * w * dy * c_x, x * x * c_w + 2 * w * x * c_x

        return w * x * x, Way(lambda dy: ({"w": x * x * dy}, 2 * w * x * dy), second)


FEW = np.array([0.2, 0.5, 0.3])
DOMAINS = [
    (symmetric, np.array([[1.0, 3.0], [3.0, -2.0]])),
    (on_simplex, FEW),
    (on_simplex, (FEW / FEW.sum()).astype(np.float32)),
    (lambda x: bool((x > 0.05).all()), FEW),
]


@pytest.mark.parametrize(("domain", "x"), DOMAINS)
def test_a_second_pullback_is_checked_within_the_domain(domain, x):
    check = gradcheck.Checker(domain=domain, order=2)
    report = check(cube, x)
    assert report.verdict == "pass", str(report)
    assert [g.name for g in report.gradients if g.order == 2] == ["second order, x", "second order, dy"]
    for wrong, name in (({"factor": 1.001}, "x"), ({"of_dy": 1.001}, "dy")):
        failing = [g.name for g in check(cube, x, **wrong).gradients if g.verdict == "fail"]
        assert failing == [f"second order, {name}"]


def test_parameters_have_no_domain_but_a_second_order():
    check = gradcheck.Checker(domain=on_simplex, order=2)
    assert check(Scaled(1 - FEW), FEW).verdict == "pass"
    report = check(Scaled(1 - FEW, wrong=True), FEW)
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["second order, w"]


def test_of_a_curved_projection_without_complex_numbers_symmetry_alone_is_checked():
    report = gradcheck.Checker(domain=lambda p: p / np.linalg.norm(p), order=2)(cube, FEW / np.linalg.norm(FEW))
    assert report.verdict == "pass" and report.symmetry.digits > 6
    (message,) = [f.message for f in report.findings if f.kind == "second"]
    why = "the projection takes no complex numbers, and differences of differences are too coarse"
    assert message == f"second order: no second derivative: {why}; the pullback was checked for symmetry alone"


def test_where_the_subject_has_no_second_pullback_that_is_said():
    report = gradcheck.Checker(domain=on_simplex, order=2)(entropy(1.0), P)
    (message,) = [f.message for f in report.findings if f.kind == "second"]
    assert "the subject hands over no second pullback" in message


@pytest.mark.parametrize("domain", [on_simplex, lambda x: bool((x > 0).all())])
def test_forward_mode_is_compared_within_the_domain(domain):
    def pushed(factor):
        def subject(x, y):
            return x * y * y, lambda d, e: factor * (d * y * y + 2 * x * y * e)

        return forward_mode(subject)

    def of_both(x, y):
        back = domain(x), domain(y)
        return all(back) if isinstance(back[0], bool) else back

    check = gradcheck.Checker(domain=of_both)
    report = check(pushed(1.0), P, P[::-1].copy())
    assert report.verdict == "pass", str(report)
    (message,) = [f.message for f in report.findings if f.kind == "jvp"]
    assert message == "forward mode agrees with real differences and with the pullback"
    assert check(pushed(1.001), P, P[::-1].copy()).verdict == "fail"


@pytest.mark.parametrize("size", [4, 17])
@pytest.mark.parametrize("domain", [symmetric, lambda x: bool((x > 0).all())])
def test_forward_mode_alone_has_the_inputs_own_domain_however_many_entries_there_are(domain, size, rng):
    shapes = set()

    def asked(x):
        shapes.add(x.shape)
        return domain(x)

    def pushed(factor):
        return forward_mode(lambda x: (np.log(x), lambda d: factor * d / x))

    x, check = 1 + symmetric(rng.random((size, size))), gradcheck.Checker(domain=asked)
    report = check(pushed(1.0), x)
    assert report.verdict == "pass", str(report)
    assert shapes == {(size, size)} and check(pushed(1.001), x).verdict == "fail"


def test_what_an_adapter_learns_as_it_is_called_is_told():
    def subject(x):
        return x, lambda d: np.abs(d) * np.sign(d.sum() + 1e9)

    kinds = {f.kind for f in gradcheck.check(forward_mode(subject), P).findings if f.severity == "fail"}
    within = gradcheck.Checker(domain=lambda x: bool((x > 0).all()))(forward_mode(subject), P)
    assert "linear" in kinds and {f.kind for f in within.findings if f.severity == "fail"} == kinds


def test_it_is_known_when_inputs_are_prepared_and_after_every_call():
    inner = types.SimpleNamespace(name="f", parameters=(), units={}, input_names=["x"], findings=[], complex_safe=True)

    def learn(given):
        inner.findings, inner.complex_safe = [*inner.findings, "more"], not inner.complex_safe
        return given

    inner.prepare = lambda inputs, constants: learn(inputs)
    inner.forward = lambda parameters, inputs, constants: learn(inputs[0])
    inner.vjp = lambda parameters, inputs, constants: (inputs[0], lambda dy: learn(((), (dy,))))
    subject = Within(inner, lambda x: True, "torch")
    subject.prepare((P,), {})
    assert (subject.findings, subject.complex_safe) == (["more"], False)
    subject.forward((), (P,), {})
    assert (subject.findings, subject.complex_safe) == (["more"] * 2, True)
    subject.vjp((), (P,), {})[1](P)
    assert (subject.findings, subject.complex_safe) == (["more"] * 3, False)


@pytest.mark.parametrize("domain", [lambda x: x, on_simplex, lambda x: bool((x > 0).all())])
def test_a_write_to_an_input_is_found_within_a_domain_too(domain):
    def forward(x):
        y = np.sin(x)
        x[0] = 0
        return y

    report = gradcheck.Checker(domain=domain)(pair(forward, lambda x, dy: dy * np.cos(x)), P)
    assert "mutation" in {f.kind for f in report.findings}


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_complex_inputs_lie_in_a_domain_as_others_do(convention):
    def conjugated(z):
        return np.conj(z) if convention == "torch" else z

    z = np.array([[2.0, 1 - 3j], [1 + 3j, -1.0]])
    weights = np.arange(1.0, 5.0).reshape(2, 2)
    square = pair(lambda z: (weights * z * z).real, lambda z, dy: dy * conjugated(2 * weights * z))
    half = pair(lambda z: (weights * z * z).real, lambda z, dy: dy * conjugated(weights * z))
    check = gradcheck.Checker(domain=lambda z: (z + z.conj().T) / 2, convention=convention)
    report = check(square, z)
    assert report.verdict == "pass", str(report)
    assert check(half, z).verdict == "fail"


def test_a_predicate_is_asked_about_every_complex_input():
    asked = []

    def inverse(z):
        asked.append(np.abs(z).min())
        return (1 / z).real

    z = np.array([0.51, 0.8j, 1 + 1j])
    check = gradcheck.Checker(domain=lambda z: bool((np.abs(z) > 0.5).all()))
    report = check(pair(inverse, lambda z, dy: -dy * np.conj(1 / (z * z))), z)
    assert report.verdict == "pass", str(report)
    assert min(asked) > 0.5
