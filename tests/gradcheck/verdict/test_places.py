"""Where a check is made: at the user's own point and at a generic one near it."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import LARGE, Problem
from gradcheck.verdict.places import Places, choose, inside, own_point, unrounded, with_output
from reference.layers.layernorm import LayerNorm

X = np.random.default_rng(1).normal(size=(4, 5))


def rng(seed=2):
    return np.random.default_rng(seed)


class Layer:
    def __init__(self, **arrays):
        self.__dict__.update(arrays)

    def vjp(self, x):
        return x * self.gamma, lambda dy: (Layer(gamma=(dy * x).sum(axis=0)), dy * self.gamma)


def test_the_users_own_point_is_kept_but_for_parameters_that_hide_something():
    x = rng(1).normal(size=(1, 3))
    problem = Problem(Layer(gamma=np.ones(3)), (x,), {})
    point, notes = own_point(problem, rng())
    assert (np.abs(point[0] - 1) > 0.2).all() and np.allclose(point[1], x, rtol=2.0**-30, atol=0)
    moved = "gamma is all ones: it was checked at a generic value"
    dimension = "x has a dimension of 1, which can hide a wrong sum or axis"
    assert notes == [Finding("moved", moved, "note", "gamma"), Finding("dimension", dimension, "note", "x")]
    problem = Problem(Layer(gamma=np.zeros(3)), (x,), {})
    assert own_point(problem, rng())[1][0].message == "gamma is all zeros: it was checked at a generic value"


def test_inputs_of_ones_stay_where_they_are():
    problem = Problem(Layer(gamma=rng(1).normal(size=3)), (np.ones((2, 3)),), {})
    point, notes = own_point(problem, rng())
    assert (point[1] == 1).all() and not notes


def test_there_is_a_generic_point_near_the_users_own():
    problem = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (np.array([0.0, 1.0, 1.0]),), {})
    found = choose(problem, 3, rng())
    assert found.own.g.shape == (2, 3) and found.own.g is found.near.g and not found.findings and found.exact
    assert len(np.unique(found.near.point[0])) == 3 and np.array_equal(found.own.y, np.sin(found.own.point[0]))


def test_where_the_domain_ends_too_near_there_is_only_the_users_own():
    x = np.full(8, 0.999)
    problem = Problem(pair(lambda x: np.sqrt(1 - x * x).sum(), lambda x, dy: 0 * x), (x,), {})
    found = choose(problem, 1, rng())
    assert found.near.point is found.own.point and [f.kind for f in found.findings] == ["domain"]
    assert found.own.g.shape == (1, 1), "of one output there is one cotangent"


def sine(x):
    return Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (x,), {})


def test_the_names_of_what_was_moved_are_known():
    x = rng(1).normal(size=(1, 3))
    found = choose(Problem(Layer(gamma=np.ones(3)), (x,), {}), 3, rng())
    assert found.moved == {"gamma"} and [f.kind for f in found.findings] == ["moved", "dimension"]
    assert choose(sine(x), 3, rng()).moved == set()


def test_a_large_problem_has_one_cotangent_and_its_output_is_made_once():
    problem = sine(rng(1).normal(size=LARGE + 1))
    found = choose(problem, LARGE + 1, rng())
    assert found.own.g.shape == (1, LARGE + 1) and problem.count["forward"] == 1
    assert np.array_equal(found.own.y, found.near.y), "of the generic point: only its size and format are asked for"
    small = sine(rng(1).normal(size=20))
    assert choose(small, 20, rng()).own.g.shape == (2, 20) and small.count["forward"] == 2


def test_but_where_a_large_one_leaves_its_domain_near_by_the_given_point_is_asked():
    x = np.full(LARGE + 1, 0.999)
    problem = Problem(pair(lambda x: np.arcsin(x), lambda x, dy: dy), (x,), {})
    found = choose(problem, LARGE + 1, rng())
    assert np.isfinite(found.own.y).all() and np.array_equal(found.near.y, found.own.y)
    assert found.near.point is found.own.point


def test_why_there_is_no_complex_step_is_said():
    problem = Problem(pair(lambda x: np.maximum(np.real(x), 0), lambda x, dy: dy), (rng(1).normal(size=4),), {})
    found = choose(problem, 4, rng())
    (finding,) = found.findings
    assert found.exact is False and (finding.kind, finding.severity) == ("complex", "note")
    assert finding.message.startswith("no complex step: ") and len(finding.message) > 20
    assert choose(sine(rng(1).normal(size=4)), 4, rng()).exact is True


def narrow(dtype, size=40):
    x = rng(1).normal(size=size)
    return Problem(pair(lambda x: np.sin(x).astype(dtype), lambda x, dy: np.cos(x) * dy), (x,), {})


@pytest.mark.parametrize(("dtype", "u"), [(np.float64, 0.0), (np.float32, 2.0**-24), (np.float16, 2.0**-11)])
def test_outputs_of_a_narrow_dtype_are_as_coarse_as_that(dtype, u):
    found = choose(narrow(dtype), 40, rng())
    assert found.narrow == u and found.u == max(u, 2.0**-53)
    assert found.own.y.dtype == found.near.y.dtype == np.float64


def test_those_of_a_large_problem_are_too():
    found = choose(narrow(np.float32, LARGE + 1), LARGE + 1, rng())
    assert found.narrow == found.u == 2.0**-24 and found.own.y.dtype == found.near.y.dtype == np.float64


@pytest.mark.parametrize("outside", [lambda x: [][1], lambda x: np.sin(x)[1:]])
def test_a_point_at_which_the_subject_raises_or_returns_another_shape_is_outside_the_domain(outside):
    """Here one entry is 0 at the given point alone."""
    x = np.append(rng(1).normal(size=8), 0.0)
    branch = pair(lambda z: np.sin(z) if z[-1] == 0 else outside(z), lambda z, dy: np.cos(z) * dy)
    found = choose(Problem(branch, (x,), {}), 9, rng())
    assert found.near.point is found.own.point and "domain" in [f.kind for f in found.findings]


def test_numbers_that_say_nothing_of_their_format_have_that_of_their_dtype():
    """Whole numbers fit anywhere."""
    problem = Problem(pair(lambda x: np.round(x).astype(np.float32), lambda x, dy: dy), (np.arange(9.0),), {})
    assert choose(problem, 9, rng()).u == 2.0**-24


def test_numbers_of_a_narrow_format_in_a_wide_dtype_are_found():
    def inside(x):
        return np.sin(np.real(x)).astype(np.float32).astype(np.float64)

    found = choose(Problem(pair(inside, lambda x, dy: dy), (rng(1).normal(size=40),), {}), 40, rng())
    assert found.narrow == 0.0 and found.u == 2.0**-24


def test_a_place_has_its_output_in_float64():
    x, g = np.arange(3.0), np.ones((1, 3))
    place = with_output(narrow(np.float32).changed(leaves=sine(x).leaves), [x], g)
    assert place.y.dtype == np.float64 and place.g is g and np.allclose(place.y, np.sin(x), rtol=1e-6, atol=0)


# Whole checks


def said(report, kind):
    return [f.message for f in report.findings if f.kind == kind]


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


def test_all_bits_are_kept_but_of_parameters_that_were_moved():
    x = rng(1).normal(size=(2, 3)).astype(np.float32)
    problem = Problem(Layer(gamma=np.ones(3)), (x,), {})
    places = choose(problem, 6, rng())
    gamma, same = unrounded(problem, places.own.point, places.moved)
    assert gamma is places.own.point[0] and same.dtype == np.float64 and np.array_equal(same, x)


def bounded(bound):
    def forward(x):
        if (np.real(x) > bound).any():
            raise ValueError(f"x must be at most {bound}")
        return x * x

    return pair(forward, lambda x, dy: 2 * x * dy)


def test_where_rounding_leads_out_of_the_domain_the_given_numbers_keep_all_their_bits():
    x = np.array([0.7, 0.3])  # of which rounding makes one larger and one smaller
    problem = Problem(bounded(0.7), (x,), {})
    rounded, _ = own_point(problem, rng())
    assert rounded[0][0] > 0.7 > 0.3 > rounded[0][1]
    found = choose(problem, 2, rng())
    assert np.array_equal(found.own.point[0], x) and np.array_equal(found.own.y, x * x)
    assert choose(Problem(bounded(0.71), (x,), {}), 2, rng()).own.point[0][0] > 0.7, "and none where it does not"


def test_an_error_at_the_given_numbers_is_the_users():
    problem = Problem(bounded(0.5), (np.array([0.7]),), {})
    with pytest.raises(ValueError, match=r"^x must be at most 0\.5"):
        inside(problem, [np.array([0.75])], set())


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("bound", [0.1, 0.3, 0.7, 1.0])
def test_inputs_at_the_end_of_a_domain_are_checked(bound, sign):
    x = np.array([1.0, 0.5, 1 / 3]) * bound * sign

    def within(x):
        return bool((np.real(x) * sign <= bound).all())

    def forward(x):
        if not within(x):
            raise ValueError(f"x must not be beyond {bound}")
        return x * x

    for check in (gradcheck.check, gradcheck.Checker(domain=within)):
        assert check(pair(forward, lambda x, dy: 2 * x * dy), x).verdict == "pass"
        assert check(pair(forward, lambda x, dy: 2.01 * x * dy), x).verdict == "fail"


def test_a_precondition_that_holds_at_the_given_point_alone_is_told_as_the_user_words_it():
    x = np.array([[0.25, -1.5], [2.0, 0.125]]) / 3

    def forward(z):
        assert np.array_equal(z, x), "a precondition"
        return z * z

    report = gradcheck.check(pair(forward, lambda x, dy: 2 * x * dy), x)
    assert report.verdict == "inconclusive", str(report)
    (message,) = said(report, "domain")
    assert "leaves the domain (AssertionError: a precondition): it was checked at the given point only" in message


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Places).own = None


def test_numbers_that_overflow_inside_and_are_finite_in_the_end_are_in_the_domain():
    problem = Problem(pair(lambda x: 1 / (1 + np.exp(np.real(1e3 * x))), lambda x, dy: 0 * dy), (np.ones(3),), {})
    found = choose(problem, 3, rng())
    assert not [f for f in found.findings if f.kind == "domain"] and found.near.point is not found.own.point


def test_the_complex_step_is_tried_along_all_arrays_together_and_is_known_there():
    problem = Problem(pair(lambda x, w: x * w, lambda x, w, dy: (w * dy, x * dy)), (np.ones(3), 2 * np.ones(3)), {})
    places = choose(problem, 3, rng())
    assert places.along.leaf is None and list(places.near.slopes) == [places.along]


ENDS = {
    "arcsin": (np.arcsin, lambda x, dy: dy / np.sqrt((1 - x) * (1 + x)), 1 - 10.0 ** -np.arange(1, 13)),
    "a root": (lambda x: np.sqrt(1 - x * x), lambda x, dy: -dy * x / np.sqrt(1 - x * x), 1 - np.array([0.5, 1e-10])),
    "a logarithm": (lambda x: np.log(1 - x), lambda x, dy: -dy / (1 - x), 1 - 10.0 ** -np.arange(1, 11)),
}


@pytest.mark.parametrize("factor", [1, 1.01])
@pytest.mark.parametrize("name", ENDS)
def test_where_fewer_bits_leave_the_domain_of_a_derivative_the_given_numbers_are_kept(name, factor):
    forward, backward, x = ENDS[name]
    for seed in range(3):
        report = gradcheck.Checker(seed=seed)(pair(forward, lambda x, dy: factor * backward(x, dy)), x)
        assert report.verdict == ("pass" if factor == 1 else "fail"), str(report)
