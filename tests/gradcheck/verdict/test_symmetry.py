"""The derivative of a gradient is symmetric: what is not is found, what is passes, and kinks are told."""

import dataclasses
import types

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.second import second_order
from gradcheck.verdict import symmetry as module
from gradcheck.verdict.facts import Symmetry
from gradcheck.verdict.symmetry import Weighted, _seen, symmetry, told

X = np.random.default_rng(5).normal(size=(3, 4))


@dataclasses.dataclass(frozen=True)
class Bilinear:
    """y = tanh(x w) + b; `turned` is the part of a rotation that its gradient of w has beside."""

    w: np.ndarray
    b: np.ndarray
    turned: float = 0.0

    def vjp(self, x):
        h = np.tanh(x @ self.w)

        def pullback(dy):
            d = dy * (1 - h * h)
            dw = x.T @ d
            aside = self.turned * dy.sum() * self.w[:, ::-1] * np.arange(len(self.b))
            return Bilinear(dw + aside, dy.sum(0)), d @ self.w.T

        return h + self.b, pullback


@pytest.fixture
def measured():
    """measured(subject, *inputs): what differences say of its gradients, and with another seed."""

    def measured(subject, *inputs, seed=0, **constants):
        rng = np.random.default_rng(seed)
        first = Problem(subject, inputs, constants)
        outputs = first.forward([leaf.value for leaf in first.leaves]).size
        with np.errstate(all="ignore"):
            return symmetry(second_order(first, rng.normal(size=outputs)), len(first.leaves), rng)

    return measured


def layer(turned=0.0):
    rng = np.random.default_rng(1)
    return Bilinear(rng.normal(size=(4, 5)), rng.normal(size=5), turned)


@pytest.mark.parametrize("seed", range(5))
def test_a_gradient_has_a_symmetric_derivative(measured, seed):
    found = measured(layer(), X, seed=seed)
    assert not found.is_apart and found.is_resolved
    assert found.digits > 8
    assert abs(found.forth - found.back) <= found.bar < 1e-8 * found.size
    assert found.smoothness == "smooth" and found.where == ()


@pytest.mark.parametrize("turned", [1.0, 1e-3, 1e-6])
def test_what_is_no_gradient_has_none(measured, turned):
    found = measured(layer(turned), X)
    assert found.is_apart
    (finding,) = told(found)
    assert (finding.kind, finding.severity) == ("symmetry", "fail")
    assert "it is the gradient of nothing: along random directions u, v <u, Dg v> is " in finding.message


def test_the_report_fails_by_the_symmetry_as_well():
    report = gradcheck.check(layer(1e-3), X, order=2)
    (message,) = [f.message for f in report.findings if f.kind == "symmetry"]
    assert message.startswith("second order: the derivative of the pullback is not symmetric")
    assert report.verdict == "fail" and report.symmetry.is_apart


@pytest.mark.parametrize(("name", "subject"), [("x", lambda x, dy: 0 * x + dy), ("zero", lambda x, dy: 2 * dy)])
def test_a_linear_map_has_gradients_whose_derivative_is_zero(measured, name, subject):
    found = measured(pair(lambda x: x, subject), X)
    assert found.digits is None and found.is_resolved and not found.is_apart
    assert [f.message for f in told(found)] == ["the derivative of the pullback is zero"]


@pytest.mark.parametrize(
    ("forward", "backward", "kind"),
    [
        (lambda x: np.maximum(x, 0), lambda x, dy: (x > 0) * dy, "jump"),
        (lambda x: x * np.abs(x), lambda x, dy: 2 * np.abs(x) * dy, "kink"),
    ],
)
def test_where_the_pullback_has_no_derivative_that_is_told_with_its_entry(measured, forward, backward, kind):
    x = np.array([[1.0, -2.0], [0.0, 3.0]])
    found = measured(pair(forward, backward), x)
    assert (found.smoothness, found.where) == (kind, ("x[1, 0]",))
    assert not found.is_apart and found.is_resolved  # near by it is smooth
    note = told(found)[-1]
    assert (note.kind, note.severity) == ("smoothness", "note")
    assert note.message == f"the pullback has no derivative here: a {kind} in the cotangent of x[1, 0]"


def test_noise_claims_nothing(measured):
    def backward(x, dy):
        return (np.cos(x) + 1e-2 * np.sin(1e13 * x)) * dy

    found = measured(pair(np.sin, backward), X)
    assert not found.is_resolved and not found.is_apart
    assert [(f.severity, f.message) for f in told(found)] == [
        ("note", "whether the derivative of the pullback is symmetric was not resolved")
    ]


@pytest.mark.parametrize("k", [0, 1, 3])
def test_noise_of_one_entry_leaves_the_smoothness_of_the_whole_open(measured, k):
    def backward(x, dy):
        return (np.cos(x) + np.sin(1e13 * x) * (np.arange(4) == k)) * dy

    assert measured(pair(np.sin, backward), X[0]).smoothness == "not resolved"
    assert measured(pair(np.sin, lambda x, dy: np.cos(x) * dy), X[0]).smoothness == "smooth"


def test_the_pullback_is_differenced_at_real_numbers_alone(measured, monkeypatch):
    seen, spots, look = set(), [], module.glance
    monkeypatch.setattr(module, "glance", lambda f, spot, vectors: spots.append(spot) or look(f, spot, vectors))

    def backward(x, dy):
        seen.update((x.dtype.kind, dy.dtype.kind))
        return np.cos(x) * dy

    assert measured(pair(np.sin, backward), X).is_resolved and seen == {"f"}
    assert not Weighted.complex_safe and not any(spot.exact for spot in spots) and len(spots) == 3


@pytest.mark.parametrize(
    ("backward", "coarse"),
    [
        (lambda x, dy: np.cos(x) * dy, False),
        (lambda x, dy: np.round(np.cos(x) * dy * 2.0**30) / 2.0**30, True),
        (lambda x, dy: (np.cos(x) * dy).astype(np.float32), False),
    ],
)
def test_the_whole_is_as_coarse_as_its_terms_and_a_term_as_its_steps(measured, monkeypatch, backward, coarse):
    spots, look = [], module.glance

    def glance(function, spot, vectors):
        spots.append(spot)
        return look(function, spot, vectors)

    monkeypatch.setattr(module, "glance", glance)
    measured(pair(np.sin, backward), X[0])
    lengths = [np.sqrt(np.square(spot.y[:-1]).sum()) for spot in spots]
    np.testing.assert_allclose([spot.grain[-1] for spot in spots], lengths, rtol=1e-14, atol=0)  # a sum of four squares
    assert spots and all((spot.grain[:-1] > 0).any() == coarse for spot in spots)


def test_what_is_2_to_the_minus_40_of_the_largest_output_at_no_step_is_roundings():
    part = 2.0**-40 * np.array([0.9, 1.1, 0.0, 0.0, 0.0])
    here, ahead, behind = (np.append(1.0, part * on) for on in (1, 0, 0))
    here[3], ahead[4], behind[5] = np.nan, -1e-9, 1e-9
    points = {0.0: here, 1.0: ahead, -1.0: behind}
    function = types.SimpleNamespace(starts=np.arange(5), attempt=lambda x, size: points[float(np.sign(x[0][0]))])
    assert _seen(function, [np.zeros(1)], [np.ones(1)]).tolist() == [True, False, True, False, True, True]


def test_a_gradient_that_is_zero_but_for_roundings_hides_nothing(measured):
    def softmax(x, b):
        e = np.exp(x + b - (x + b).max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def backward(x, b, dy, turned=0.0):
        y = softmax(x, b)
        dx = y * (dy - (y * dy).sum(-1, keepdims=True))
        return dx + turned * np.roll(x, 1, -1) * dy, dx.sum(-1, keepdims=True)

    b = np.array([[0.3], [0.1], [0.7]])  # of all entries in a row: softmax is the same without
    found = measured(pair(softmax, backward), X, b)
    assert found.is_resolved and not found.is_apart and found.smoothness == "smooth"
    assert found.digits > 8
    turned = measured(pair(softmax, lambda x, b, dy: backward(x, b, dy, 1e-6)), X, b)
    assert turned.is_apart


def test_noise_of_float32_inside_is_no_asymmetry(measured):
    def backward(x, dy):
        h = np.tanh(x.astype(np.float32) @ np.ones((4, 4), np.float32))
        return ((dy * (1 - h * h)).astype(np.float32) @ np.ones((4, 4), np.float32)).astype(np.float64)

    for seed in range(5):
        found = measured(pair(lambda x: np.tanh(x @ np.ones((4, 4))), backward), X, seed=seed)
        assert not found.is_apart


def test_a_declared_noise_widens_the_bar(measured):
    def second_of(noise):
        report = gradcheck.Checker(order=2, noise=noise)(pair(np.sin, lambda x, dy: np.cos(x) * dy), X)
        assert report.verdict == "pass", str(report)
        return report.symmetry.bar / report.symmetry.size

    assert second_of(0.0) < 1e-9 < 1e-4 < second_of(1e-6)


def test_a_kernel_of_float32_alone_is_resolved_as_far_as_it_goes():
    def narrow(x):
        if x.dtype != np.float32:
            raise TypeError("float32 only")
        return np.sin(x)

    report = gradcheck.check(pair(narrow, lambda x, dy: np.cos(x) * dy), X.astype(np.float32), order=2)
    assert report.verdict == "pass", str(report)
    assert report.symmetry.is_resolved and 2 < report.symmetry.digits < 6


def test_at_the_ends_of_a_domain_the_given_point_serves(measured):
    x = np.array([1.0, -1.0])  # 1 % away both leave it

    def backward(x, dy):
        return np.where(np.abs(np.abs(x) - 1) < 0.01, np.cos(x), np.nan) * dy

    found = measured(pair(np.sin, backward), x)
    assert found.is_resolved and found.digits > 6

    def of_one(x, dy):
        return np.where((np.abs(x - 1) < 0.01) | (x < 0), np.cos(x), np.nan) * dy

    found = measured(pair(np.sin, of_one), x)
    assert found.is_resolved and found.digits > 6, "the domain of one entry ends"


def test_a_bar_that_is_missed_once_is_measured_again(measured, monkeypatch):
    found = [Symmetry(1.0, 2.0, 0.1, 1.0), Symmetry(1.0, 1.0, 0.1, 1.0)]
    monkeypatch.setattr(module, "_products", lambda *_: found.pop(0))
    sine = pair(np.sin, lambda x, dy: np.cos(x) * dy)
    assert not measured(sine, X).is_apart and not found
    found += [Symmetry(1.0, 2.0, 0.1, 1.0)] * 2
    assert measured(sine, X).is_apart and not found
    found += [Symmetry(1.0, 1.0, 0.1, 1.0)]
    assert not measured(sine, X).is_apart and not found


def test_many_entries_are_added_up_in_sums():
    wide = pair(np.sin, lambda x, dy: np.cos(x) * dy)
    first = Problem(wide, (np.linspace(-1, 1, 4096 + 7),), {})
    problem = second_order(first, np.ones(4096 + 7))
    at, weights = [leaf.value for leaf in problem.leaves], np.linspace(1, 2, 4096 + 7)
    sums = Weighted(problem, weights)
    assert sums.forward(at).shape == sums.attempt(at, 4096 + 1).shape == (4096 + 1,)
    # the same terms, added up in another order
    assert abs(sums.forward(at)[:-1].sum() - weights @ np.cos(at[0])) <= 1e-12 * 4096
    assert abs(sums.forward(at)[-1] - weights @ np.cos(at[0])) <= 1e-12 * 4096
    assert Weighted(problem, weights[:5]).starts.tolist() == [0, 1, 2, 3, 4]


def test_arrays_without_entries_have_no_symmetry(measured):
    assert measured(pair(np.sin, lambda x, dy: np.cos(x) * dy), np.zeros((0, 2))) is None


def test_the_numbers_of_a_symmetry():
    found = Symmetry(1.0, 1.0 + 1e-9, 1e-8, 2.0)
    assert not found.is_apart and found.is_resolved
    assert found.digits == pytest.approx(8.3, abs=0.01)
    assert Symmetry(1.0, 1.1, 1e-8, 2.0).is_apart
    assert not Symmetry(1.0, 1.1, 0.2, 2.0).is_resolved
    nothing = Symmetry(np.nan, np.nan, np.inf, np.nan)
    assert (nothing.is_apart, nothing.is_resolved, nothing.digits) == (False, False, None)


@pytest.mark.parametrize(("name", "index"), [("x", 2), ("w", 0), ("w", 2)])
def test_a_kink_is_told_by_its_array_and_its_entry_there_also_of_the_last(measured, name, index):
    arrays = {"x": np.array([1.0, -2.0, 3.0]), "w": np.array([2.0, 1.5, -1.0])}
    arrays[name][index] = 0.0
    bent = pair(lambda x, w: x * np.abs(x) + w * np.abs(w), lambda x, w, dy: (2 * np.abs(x) * dy, 2 * np.abs(w) * dy))
    found = measured(bent, *arrays.values())
    assert (found.smoothness, found.where) == ("kink", (f"{name}[{index}]",))


def test_the_size_of_both_products_is_that_of_the_larger_terms(monkeypatch):
    """g = (x_1, 2 x_0): the terms u_i (Dg v)_i are (5, 12) for these two, and (6, 10) the other way."""
    turned = pair(lambda x: x.sum(keepdims=True), lambda x, dy: dy * np.array([1.0, 2.0]) * x[::-1])
    first = Problem(turned, (np.array([0.5, 1.5]),), {})
    for directions in ([[1.0, 2.0], [3.0, 5.0]], [[3.0, 5.0], [1.0, 2.0]]):
        given = iter([[np.array(d)] for d in directions] * 3)
        monkeypatch.setattr(module, "_direction", lambda *rest, given=given: next(given))
        found = symmetry(second_order(first, np.ones(1)), 1, np.random.default_rng(0))
        assert sorted([found.forth, found.back]) == pytest.approx([16.0, 17.0], rel=1e-6, abs=0)
        assert found.size == pytest.approx(13.0, rel=1e-6, abs=0)


def test_an_output_of_exactly_2_to_the_minus_40_of_the_largest_is_roundings():
    here = np.array([1.0, -(2.0**-40), 0.5])
    function = types.SimpleNamespace(starts=np.arange(2), attempt=lambda x, size: here)
    assert _seen(function, [np.zeros(1)], [np.ones(1)]).tolist() == [True, False, True]


def test_of_many_entries_without_a_derivative_four_are_named(measured):
    found = measured(pair(lambda x: np.maximum(x, 0), lambda x, dy: (x > 0) * dy), np.zeros(6))
    assert found.where == ("x[0]", "x[1]", "x[2]", "x[3]")
