"""Subjects of low precision: kinks that steps must cross excuse nothing and accuse nobody."""

import dataclasses
import types

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.reading import Place
from gradcheck.precision.segments import Line, Segment, integrated

rng = np.random.default_rng(1)
X = rng.normal(size=30)
AHEAD = {0: np.array([1.0])}  # t d, where x is 0: the points of a line are its t


class Curve:
    """A subject of one number that counts: its function, its claims for each cotangent, and where they were asked."""

    def __init__(self, function, claims):
        self.function, self.claims, self.points, self.ends = function, claims, [], []

    def attempt(self, arrays, size):
        (t,) = arrays[0]
        self.ends.append(float(t))
        return np.array([self.function(t)])

    def gradients(self, arrays, g):
        (t,) = arrays[0]
        self.points.append(float(t))
        return [np.array([[c(t)] for c in self.claims])]


def line(function, *claims, g=None, rounding=0.0, at=None):
    """The line through 0 with claims of the curve's slope, for a cotangent of 1 each."""
    curve = Curve(function, claims)
    g = np.ones((len(claims), 1)) if g is None else np.array(g, float)
    claimed = np.array([c(0.0) for c in claims]) if at is None else np.array(at, float)
    place = Place([np.zeros(1)], np.zeros(1), g)
    return curve, Line(curve, place, AHEAD, claimed, np.broadcast_to(rounding, len(g)))


def measured(*arguments, seed=3, **options):
    curve, along = line(*arguments, **options)
    return curve, *integrated(along, np.random.default_rng(seed))


def test_a_claim_beside_is_the_product_with_the_direction_summed_over_arrays():
    problem = types.SimpleNamespace(gradients=lambda arrays, g: [np.stack([k * x for k in (1, 2)]) for x in arrays])
    place = Place([np.array([[1.0, 2.0]]), np.array([3.0])], np.zeros(1), np.ones((2, 1)))
    along = Line(problem, place, {0: np.array([[1.0, 0.5]]), 1: np.array([2.0])}, np.zeros(2), np.zeros(2))
    assert along.claim(2.0).tolist() == [3 + 1.5 + 14, 2 * (3 + 1.5 + 14)]


def test_outside_the_domain_of_the_users_code_a_claim_is_not_a_number():
    def refuses(t):
        if t > 1:
            raise ValueError("out of domain")
        return 5.0

    _, along = line(lambda t: 5 * t, refuses, refuses)
    assert along.claim(1.0).tolist() == [5, 5] and np.isnan(along.claim(2.0)).tolist() == [True, True]


def test_a_value_is_what_f_changes_from_the_point_along_each_cotangent():
    curve, along = line(lambda t: t * t, lambda t: 1.0, lambda t: 1.0, g=[[2.0], [-1.0]])
    assert along.value(3.0).tolist() == [18, -9] and curve.ends == [3.0]
    _, moved = line(lambda t: 5 + t, lambda t: 1.0)
    moved = dataclasses.replace(moved, place=dataclasses.replace(moved.place, y=np.array([5.0])))
    assert moved.value(0.5).tolist() == [0.5]


def test_a_claim_that_those_beside_it_agree_with_is_taken_as_it_is():
    curve, along = line(lambda t: t * t, lambda t: 2 * t)
    assert along.steady(1.0).tolist() == [0] and sorted(curve.points) == [-1 / 16, 1 / 16]


def test_where_claims_beside_agree_with_each_other_and_not_with_it_theirs_are_taken():
    """A kink's own subgradient, at the point itself alone."""
    _, along = line(abs, lambda t: 7.0 if t == 0 else 3.0 + t, lambda t: 2.0)
    assert along.steady(1.0).tolist() == [3, 2]


@pytest.mark.parametrize(("apart", "taken"), [(1.0, 11.0), (1.25, 3.0)])
def test_they_agree_where_their_distance_is_an_eighth_of_that_to_it_at_the_most(apart, taken):
    _, along = line(abs, lambda t: 3.0 if t == 0 else 11.0 + apart / 2 * np.sign(t))
    assert along.steady(1.0).tolist() == [taken]
    _, along = line(abs, lambda t: 3.0 if t == 0 else 11.0 - apart / 2 * np.sign(t))
    assert along.steady(1.0).tolist() == [taken]


@pytest.mark.parametrize("slope", [3.0, -0.5])
def test_of_a_straight_line_the_derivative_is_its_slope_whatever_is_claimed(slope):
    """Where the claim is constant the difference over the segment says it all."""
    _, value, bar = measured(lambda t: slope * t, lambda t: 4.0, rounding=2.0**-20)
    assert np.allclose(value, slope, rtol=1e-12, atol=0)
    assert np.allclose(bar, 4 * 2.0**-20 / STEPS[1], rtol=1e-12, atol=0), "of the longest segment: it rounds least"


def test_every_cotangent_is_projected_with_its_own_numbers():
    _, value, bar = measured(lambda t: 3 * t, lambda t: 1.0, lambda t: 2.0, g=[[2.0], [-1.0]], rounding=2.0**-20)
    assert np.allclose(value, [6, -3], rtol=1e-12, atol=0) and bar.shape == (2,)


def test_a_right_claim_keeps_nothing_of_a_kink_and_a_wrong_one_keeps_its_error():
    for kink in (1e-3, -0.05):
        right = lambda t, kink=kink: float(t > kink)  # noqa: E731
        _, value, bar = measured(lambda t, kink=kink: max(t - kink, 0.0), right)
        assert abs(value - right(0))[0] <= bar[0] < 0.1
        _, value, bar = measured(lambda t, kink=kink: max(t - kink, 0.0), lambda t, kink=kink: 2.0 * (t > kink))
        assert abs(value - 2 * right(0))[0] > bar[0] or kink > 0  # the claim at the point itself is 0, and right


def test_where_rounding_is_nothing_the_shortest_segment_is_the_best():
    curve, _, _ = measured(lambda t: t * t, lambda t: 2 * t)
    assert set(np.abs(curve.ends[-2:])) == {STEPS[6]}


def test_the_segment_is_chosen_whose_rounding_and_want_of_nodes_together_are_least():
    """Of a curve, both are known before: 4 r / h, and 3 times the root of the sum of 12 changes of 4 h / 12, by 240."""
    for rounding in (2.0**-30, 2.0**-20, 2.0**-16, 2.0**-12):
        curve, _, _ = measured(lambda t: t * t, lambda t: 2 * t, rounding=rounding)
        h = STEPS[1:7]
        bars = 4 * rounding / h + 3 * 4 * h / 12**0.5 / 240
        near = bars <= 1.1 * bars.min()  # nodes are drawn
        assert abs(curve.ends[-1]) in h[near]


def test_of_several_cotangents_the_one_that_is_known_least_chooses():
    """The first is straight and rounds, which long segments mend; the second is curved and does not."""
    rounding = 2.0**-21
    curve, _, _ = measured(lambda t: t * t, lambda t: 1.0, lambda t: 2 * t, rounding=[rounding, 0.0])
    h = STEPS[1:7]
    bars = np.maximum(4 * rounding / h, 3 * 4 * h / 12**0.5 / 240)
    assert abs(curve.ends[-1]) in h[bars <= 1.1 * bars.min()]  # nodes are drawn


def test_it_costs_twelve_claims_on_each_of_six_segments_and_240_on_the_best_with_ends_and_claims_beside():
    curve, _, _ = measured(lambda t: t * t, lambda t: 2 * t)
    assert len(curve.points) == 6 * (12 + 2 + 2) + 240 + 2 + 2 and len(curve.ends) == 7 * 2
    lengths = [abs(t) for t in curve.ends[::2]]
    assert lengths == [*STEPS[1:7], lengths[-1]] and curve.ends[::2] == [-t for t in curve.ends[1::2]]


def along_best(curve):
    """Where the claims of the last segment were asked, from one end to the other."""
    return [t for t in curve.points[-244:] if abs(t) != abs(curve.ends[-1]) / 16]


def test_nodes_lie_one_in_each_of_as_many_equal_parts_from_end_to_end():
    curve, _, _ = measured(lambda t: t * t, lambda t: 2 * t)
    first, *nodes, last = along_best(curve)
    h = abs(curve.ends[-1])
    assert first == -h and last == h and len(nodes) == 240
    part = (np.array(nodes) / h + 1) / 2 * 240
    assert np.floor(part).tolist() == list(range(240)) and 0.4 < (part % 1).mean() < 0.6


def test_the_value_is_the_claim_and_what_the_difference_has_more_than_the_mean_of_claims():
    curve, value, _ = measured(np.exp, np.exp)
    h, (_, *nodes, _) = abs(curve.ends[-1]), along_best(curve)
    assert np.allclose(value, 1 + np.sinh(h) / h - np.mean(np.exp(nodes)), rtol=1e-12, atol=0)


def test_the_bar_is_four_roundings_by_the_length_and_three_times_what_one_node_may_miss():
    curve, _, bar = measured(np.exp, np.exp, rounding=2.0**-20)
    h, claims = abs(curve.ends[-1]), np.exp(along_best(curve))
    assert np.allclose(bar, 4 * 2.0**-20 / h + 3 * np.sqrt(np.sum(np.diff(claims) ** 2)) / 240, rtol=1e-12, atol=0)


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("reach", [0.02, 0.1])
def test_a_segment_that_leaves_the_domain_is_not_the_best(reach, raises):
    def root(t):
        return np.sqrt(t + reach) if t + reach > 0 else np.nan

    def claim(t):
        if t + reach <= 0:
            if raises:
                raise ValueError("out of domain")
            return np.nan
        return 0.5 / np.sqrt(t + reach)

    curve, value, bar = measured(root, claim, rounding=2.0**-20)
    assert abs(curve.ends[-1]) < reach and abs(value - claim(0))[0] <= bar[0] < claim(0)


def test_where_every_segment_leaves_the_domain_nothing_is_known():
    _, value, bar = measured(lambda t: np.nan, lambda t: 1.0 if t == 0 else np.nan)
    assert np.isnan(value).all() and np.isinf(bar).all()


def test_where_claims_at_the_ends_alone_are_no_numbers_nothing_is_known():
    _, value, bar = measured(lambda t: 3 * t, lambda t: np.nan if abs(t) in STEPS else 3.0)
    assert np.isnan(value).all() and np.isinf(bar).all()


def test_one_cotangent_that_is_not_known_leaves_the_others_their_value():
    _, value, bar = measured(lambda t: 3 * t, lambda t: 1.0, lambda t: np.nan, rounding=2.0**-20)
    assert value[0] == pytest.approx(3, rel=1e-12, abs=0) and np.isfinite(bar[0])
    assert np.isnan(value[1]) and np.isinf(bar[1])


def narrow(forward, backward, dtype=np.float32, factor=1.0):
    """A kernel of one dtype, whatever comes in; its gradient may be off by a factor."""

    def run(x):
        return forward(np.real(x).astype(dtype)).astype(dtype)

    def back(x, dy):
        return (backward(x.astype(dtype), dy.astype(dtype)) * dtype(factor)).astype(dtype)

    return pair(run, back)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (p * dy).sum(axis=-1, keepdims=True))


KERNELS = {
    "relu": (lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0)),
    "tanh": (np.tanh, lambda x, dy: dy * (1 - np.tanh(x) ** 2)),
    "abs": (np.abs, lambda x, dy: dy * np.sign(x)),
    "clip": (lambda x: np.clip(x, -1, 1), lambda x, dy: dy * (np.abs(x) < 1)),
    "softmax": (softmax, softmax_backward),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_right_kernel_of_float32_passes(name):
    report = gradcheck.check(narrow(*KERNELS[name]), X.astype(np.float32))
    assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("factor", [1.0, 1.02])
def test_among_many_entries_some_are_near_a_kink_and_the_claims_between_decide(factor):
    x = np.random.default_rng(5).normal(size=300).astype(np.float32)
    report = gradcheck.check(narrow(*KERNELS["clip"], factor=factor), x)
    assert report.verdict == ("pass" if factor == 1 else "fail"), str(report)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.01, "fail")])
@pytest.mark.parametrize("seed", range(3))
def test_an_affine_map_and_a_relu_on_many_rows_of_float32_pass_and_fail(seed, factor, verdict):
    """Every step that float32 can take crosses kinks of some of 384 outputs."""
    draw, one = np.random.default_rng(seed), np.float32(1)

    def forward(x, w, b):
        assert x.dtype == w.dtype == b.dtype == one.dtype
        return np.maximum(x @ w + b, 0 * one)

    def backward(x, w, b, dy):
        d = dy * (x @ w + b > 0)
        return one * np.float32(factor) * d @ w.T, x.T @ d, d.sum(axis=0)

    shapes, sizes = ((64, 8), (8, 6), (6,)), (1, 0.4, 0.4)
    inputs = [(size * draw.normal(size=shape)).astype(one.dtype) for shape, size in zip(shapes, sizes, strict=True)]
    report = gradcheck.Checker(seed=seed)(pair(forward, backward), *inputs)
    assert report.verdict == verdict, str(report)


@pytest.mark.parametrize("factor", [0.98, 1.05, 0.0, -1.0])
@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_of_float32_that_is_wrong_by_a_factor_fails(name, factor):
    report = gradcheck.check(narrow(*KERNELS[name], factor=factor), X.astype(np.float32))
    assert report.verdict == "fail", str(report)


@pytest.mark.parametrize("distance", [1e-2, 1e-3, -1e-4, 1e-5])
def test_a_kink_within_reach_of_every_step_accuses_no_right_claim_and_excuses_no_wrong_one(distance):
    x = np.array([distance, 0.7, -1.3, 0.4], np.float32)
    forward, backward = KERNELS["relu"]
    assert gradcheck.check(narrow(forward, backward), x).verdict != "fail"
    assert gradcheck.check(narrow(forward, backward, factor=1.1), x).verdict == "fail"


def test_a_right_kernel_of_float16_is_not_failed_and_half_its_gradient_is_not_passed(rng):
    x = rng.normal(size=20).astype(np.float16)
    assert gradcheck.check(narrow(*KERNELS["tanh"], dtype=np.float16), x).verdict != "fail"
    assert gradcheck.check(narrow(*KERNELS["tanh"], dtype=np.float16, factor=0.5), x).verdict != "pass"


@pytest.mark.parametrize("kind", [Line, Segment])
def test_what_is_known_is_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).problem = None


def test_what_overflows_inside_and_is_a_number_in_the_end_is_no_end_of_the_domain():
    def steep(t):
        return np.exp(t) + 1 / np.exp(1e6 + t * t)

    def gradients(arrays, g):
        return [steep(arrays[0])[None]]

    problem = types.SimpleNamespace(attempt=lambda arrays, size: steep(arrays[0]), gradients=gradients)
    along = Line(problem, Place([np.zeros(1)], np.ones(1), np.ones((1, 1))), AHEAD, np.ones(1), np.zeros(1))
    value, bar = integrated(along, np.random.default_rng(3))
    assert abs(value - 1) <= bar < 0.01
