"""A saturated layer is not failed for the rounding of 1 - y, and a wrong one is no better hidden there."""

import dataclasses

import numpy as np
import pytest
from narrow import brain

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.probe import Probe
from gradcheck.precision.terms import terms
from gradcheck.verdict import saturation
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.saturation import allowing_for_saturation
from gradcheck.verdict.two_steps import NARROWER, at_two_steps


def softmax(x):
    e = np.exp(x - x.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (p * dy).sum(axis=-1, keepdims=True))


def surprisal(x):
    return -np.log(softmax(x)[:, 2])


def surprisal_backward(x, dy):
    p = softmax(x)
    p[:, 2] -= 1
    return dy[:, None] * p


def attend(q, k, v):
    return softmax(q @ k.T / 2) @ v


def attend_backward(q, k, v, dy):
    ds = softmax_backward(q @ k.T / 2, dy @ v.T) / 2
    return ds @ k, ds.T @ q, softmax(q @ k.T / 2).T @ dy


def softplus(x):
    return np.log(1 + np.exp(x))


def tanh_backward(x, dy):
    y = np.tanh(x)
    return dy * (1 - y * y)


PAIRS = {
    "softmax": pair(softmax, softmax_backward),
    "surprisal": pair(surprisal, surprisal_backward),
    "tanh": pair(np.tanh, tanh_backward),
}


def dominated(logit, dtype, seed=0):
    x = np.random.default_rng(seed).normal(size=(3, 4))
    x[:, 2] += logit
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("logit", [8, 12, 16, 20])
@pytest.mark.parametrize("name", PAIRS)
def test_saturated_ones_pass(name, logit, dtype):
    for seed in range(3):
        report = gradcheck.check(PAIRS[name], dominated(logit, dtype, seed))
        assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PAIRS)
def test_where_nothing_is_left_of_the_gradient_nothing_is_claimed(name, dtype):
    report = gradcheck.check(PAIRS[name], dominated(60, dtype))
    assert report.verdict != "fail", str(report)


def test_logits_of_any_size_do_not_fail():
    for size in (12, 20, 40):
        x = size * np.random.default_rng(0).normal(size=(3, 8))
        report = gradcheck.check(PAIRS["softmax"], x)
        assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-6, 1e-3, 1, 30])
def test_inputs_of_any_size_do_not_fail(size, dtype):
    """At 30 the 1 of softplus swallows most of an exponential, and attention's scores are thousands."""
    for seed in (0, 2):
        rng = np.random.default_rng(seed)
        q, k, v = (size * rng.normal(size=(3, 3, 4))).astype(dtype)
        report = gradcheck.check(pair(attend, attend_backward), q, k, v)
        assert report.verdict == "pass" or (size == 30 and report.verdict == "inconclusive"), str(report)
        report = gradcheck.check(pair(softplus, lambda x, dy: dy / (1 + np.exp(-x))), q)
        assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("error", [1e-3, 1.0])
def test_a_wrong_one_fails_where_it_is_saturated(error, dtype):
    subject = pair(softmax, lambda x, dy: (softmax_backward(x, dy) * (1 + error)).astype(x.dtype))
    assert gradcheck.check(subject, dominated(8, dtype)).verdict == "fail"


def test_a_tiny_entry_beside_large_ones_is_not_excused_where_nothing_is_saturated():
    """y = 1e-14 x beside y = x: the rounding of the second says nothing about the first."""
    factor = np.array([1e-14, 1.0, 1.0, 1.0])
    subject = pair(lambda x: factor * x, lambda x, dy: np.where(factor < 1, 2, 1) * factor * dy)
    report = gradcheck.check(subject, dominated(0, np.float64))
    assert report.verdict == "fail", str(report)
    assert {index[1] for index in report.gradients[0].wrong} == {0}


# One comparison at a time: y = x, so that a term is as large as the cotangent


ENTRY = Probe(0, coordinate=1)


@pytest.fixture
def at(ground):
    x = np.array([1.0, -0.5, 0.75])
    return lambda backward=lambda x, dy: 1.0 * dy, **more: ground(lambda x: 1.0 * x, backward, x, **more)


def one(at):
    """One rounding of the terms at the entry that moves, by a step of its array's scale."""
    unit = ENTRY.direction(at.place.point)[0][1]
    return at.claim.u * terms(at.problem, at.place.point, 0, at.place.y)[1] * unit


def allowed(at, c):
    (found,) = allowing_for_saturation(at, [c])
    return found


def test_what_nothing_contradicts_stays_as_it_is(at, comparison):
    c = comparison([1.0, 1.0], 1.0, exact=1.0)
    assert allowed(at(), c) is c


@pytest.mark.parametrize(("roundings", "excused"), [(15.9, True), (16.1, False)])
def test_sixteen_roundings_of_the_terms_are_no_contradiction(at, comparison, roundings, excused):
    here = at()
    c = comparison([0.0, 0.0], exact=[0.0, roundings * one(here)], exact_bar=0.0, claimed_bar=0.0, probe=ENTRY)
    found = allowed(here, c)
    assert (found is not c) is excused and found.exact_outside().any() == (not excused)
    if excused:
        np.testing.assert_allclose(found.claimed_bar, 16 * one(here), rtol=1e-12, atol=0)


def test_a_bar_of_the_claim_is_never_made_narrower(at, comparison):
    here = at()
    bars = [0.0, 100 * one(here)]
    c = comparison([0.0, 0.0], exact=[one(here), 0.0], exact_bar=0.0, claimed_bar=bars, probe=ENTRY)
    assert allowed(here, c).claimed_bar[1] == bars[1]


def test_along_a_direction_roundings_add_up_like_random_numbers(at, comparison):
    here, probe = at(), Probe(0, seed=1)
    d = probe.direction(here.place.point)[0]
    size = here.claim.u * np.sqrt(np.square(terms(here.problem, here.place.point, 0, here.place.y) * d).sum())
    c = comparison([0.0, 0.0], exact=[0.0, 15 * size], exact_bar=0.0, claimed_bar=0.0, probe=probe)
    np.testing.assert_allclose(allowed(here, c).claimed_bar, 16 * size, rtol=1e-12, atol=0)


def test_differences_are_made_anew_with_a_rounding_more_in_every_value(at, comparison, sweep):
    here = at()
    s, bounds = sweep(np.sin, np.sin), np.full((21, 2), 1e-17)
    c = comparison([0.0, 0.0], 1.0, 0.0, exact=[0.0, one(here)], exact_bar=0.0, probe=ENTRY, sweep=s, bounds=bounds)
    c = dataclasses.replace(c, real=estimate(s, bounds, here.claim.u), claimed=np.ones(2), exact=np.ones(2))
    c = dataclasses.replace(c, exact=np.array([1.0, 1 + 2.0**-52]), claimed_bar=np.zeros(2))
    found = allowed(here, c)
    assert found is not c and not found.followed
    np.testing.assert_allclose(found.bounds, bounds + 16 * one(here), rtol=1e-12, atol=0)
    wider = estimate(s, found.bounds, here.claim.u)
    np.testing.assert_array_equal(found.real.bar, wider.bar)
    again = allowed(here, dataclasses.replace(c, followed=True))
    assert again.bounds is bounds and again.real is c.real and (again.claimed_bar > 0).all()
    bare = allowed(here, dataclasses.replace(c, bounds=None))
    assert bare.bounds is None and bare.real is c.real


@pytest.fixture
def contradicted(comparison):
    """A claim of so many roundings where differences show 0 to a bar, far above what is excused but for that bar."""

    def contradicted(here, roundings, bar=15):
        size = one(here)
        return comparison([0.0, roundings * size], 0.0, bar * size, claimed_bar=0.0, probe=ENTRY)

    return contradicted


@pytest.mark.parametrize(("roundings", "excused"), [(30.9, True), (31.1, False)])
def test_what_differences_contradict_is_excused_up_to_both_bars(at, contradicted, roundings, excused):
    here = at()
    c = contradicted(here, roundings)
    assert c.outside().any() and (allowed(here, c) is not c) is excused


@pytest.mark.parametrize(("roundings", "excused"), [(64, True), (65, False)])
def test_above_64_roundings_a_smooth_claim_is_no_difference_of_terms(at, contradicted, roundings, excused):
    here = at()
    c = contradicted(here, roundings, bar=60)
    assert (allowed(here, c) is not c) is excused


@pytest.mark.parametrize(("noise", "excused"), [(2.0**-5, True), (2.0**-9, False), (0.0, False)])
def test_but_one_as_rough_as_its_terms_is(at, contradicted, noise, excused):
    """At the point the claim goes up and down by a part of a rounding of what it is nearer to zero."""

    def backward(x, dy):
        return np.where(np.abs(x) < 0.2, dy, 2.0**-53 * noise * np.sin(3 * 2**20 * x))

    here = at(backward)
    c = contradicted(here, 70, bar=60)
    assert (allowed(here, c) is not c) is excused


def test_differences_of_less_than_a_digit_do_not_contradict_what_the_complex_step_confirms(at, comparison):
    here = at()
    c = comparison([1.0, 1.0], [0.5, 0.99], bar=[0.2, 1e-3], exact=1.0, exact_bar=1e-12, probe=ENTRY)
    found = allowed(here, c)
    assert found.real.bar.tolist() == [np.inf, 1e-3] and np.array_equal(found.claimed_bar, c.claimed_bar)
    for more in ({"exact": [1.0, 1.5]}, {"exact": None}):
        c = comparison([1.0, 1.0], [0.5, 0.99], bar=[0.2, 1e-3], exact_bar=1e-12, probe=ENTRY, **more)
        assert allowed(here, c) is c


@pytest.mark.parametrize(("claimed", "value"), [(1.0, 0.75), (0.75, 1.0), (-1.0, -0.75), (-0.75, -1.0)])
def test_a_digit_is_a_tenth_of_the_larger_number(at, comparison, claimed, value):
    for bar, coarse in ((0.101, True), (0.1, False), (0.099, False)):
        c = comparison([claimed] * 2, value, bar=bar, exact=claimed, probe=ENTRY)
        assert np.isinf(allowed(at(), c).real.bar).all() == coarse


def test_an_array_whose_claims_are_what_roundings_of_y_make_is_zero(at, comparison):
    """Roundings make 1e-10 of y, which at an x of size 1 is a slope of 1e-10 times the cotangent."""
    zero = at(lambda x, dy: 1e-12 * dy, rounding=1e-10)
    natural = np.abs(zero.place.g).max() * 1e-10
    c = comparison([0.0, 0.0], exact=15 * natural, exact_bar=0.0, claimed_bar=0.0, probe=ENTRY)
    found = allowed(zero, c)
    np.testing.assert_allclose(found.claimed_bar, 16 * natural, rtol=1e-12, atol=0)
    some = at(lambda x, dy: 1e-8 * dy, rounding=1e-10)
    assert allowed(some, c) is c, "that array is not zero"


def test_the_limit_is_sixteen_times_the_rounding_beside_the_largest_claim(at, comparison):
    c = comparison([0.0, 0.0], exact=1e-10, exact_bar=0.0, claimed_bar=0.0, probe=ENTRY)
    for factor, zero in ((15.9, True), (16.1, False)):
        here = at(lambda x, dy, f=factor: f * 1e-10 * np.sign(dy) * -np.abs(dy).max(), rounding=1e-10)
        assert (allowed(here, c) is not c) is zero


@pytest.mark.parametrize(("parts", "excused"), [((1.0, 0.0), True), ((0.0, 1.0), True), ((0.999, 0.999), False)])
def test_along_one_cotangent_a_claim_is_as_rough_as_a_128th_of_a_rounding(
    at, contradicted, monkeypatch, parts, excused
):
    here = at()
    c = contradicted(here, 70, bar=60)
    monkeypatch.setattr(saturation, "roughness", lambda line: np.array(parts) * 2.0**-7 * one(here))
    assert (allowed(here, c) is not c) is excused


@pytest.mark.parametrize(("off", "asks"), [(1e-3, False), (1e-13, False), (1e-15, True)])
def test_what_the_largest_terms_do_not_explain_is_asked_nothing(ground, comparison, off, asks):
    """A claim that is off by much, by some hundred roundings of numbers about 1, or by some."""
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.linspace(0.5, 1.0, 4), exact=True)
    c = comparison([1 + off] * 2, 1.0, exact=1.0, exact_bar=0.0, claimed_bar=0.0, probe=Probe(0, seed=1))
    assert c.exact_outside().all()
    before = at.problem.count["pullback"]
    allowing_for_saturation(at, [c])
    assert (at.problem.count["pullback"] > before) == asks


@pytest.mark.parametrize("size", [8.0, 1 / 8])
def test_what_roundings_of_y_make_of_a_slope_is_the_less_the_larger_the_array_is(ground, comparison, size):
    x = size * np.array([1.0, -0.5, 0.75])
    zero = ground(lambda x: 1.0 * x, lambda x, dy: 1e-12 * dy, x, rounding=1e-10)
    natural = np.abs(zero.place.g).max() * 1e-10 / size
    unit = ENTRY.direction(zero.place.point)[0][1]
    c = comparison([0.0, 0.0], exact=15 * natural * unit, exact_bar=0.0, claimed_bar=0.0, probe=ENTRY)
    np.testing.assert_allclose(allowed(zero, c).claimed_bar, 16 * natural * unit, rtol=1e-12, atol=0)


def test_terms_are_as_large_as_they_were_measured_where_an_array_is_not_zero(ground):
    place = ground(lambda x: 3 * x, lambda x, dy: 3 * dy, np.ones(3))
    assert saturation._at_least(place, 0, np.array([0.5, 2.0])).tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    ("forward", "x", "moves"),
    [
        (brain, [-4.827], True),
        (lambda x: brain(np.tanh(x)), [0.3], True),
        (lambda x: brain(np.maximum(x, 0)), [-0.05, 1.0], False),
        (lambda x: brain(np.abs(x)), [0.0], False),
        (lambda x: brain(np.tanh(x)), [9.0], False),
        (lambda x: brain(1 + 1e-3 * x), [1.0], False),
        (lambda x: brain(1 + 0.12 * x), [1.0], True),  # which a step of a ladder does not show
        (lambda x: brain(1 + 0.04 * x), [1.0], False),  # by a few of its roundings, in whose bars that lies
    ],
)
def test_a_claim_of_nothing_is_no_rounding_where_f_of_few_bits_moves_by_far_more(ground, rng, forward, x, moves):
    place = ground(forward, lambda x, dy: 0 * dy, np.array(x), u=2.0**-7)
    (c,), _ = glance(place, Known(), [Probe(0, coordinate=0)], [True], rng)
    one = saturation._rounding(place, c, lambda leaf: saturation._terms(place, leaf))
    assert saturation._is_zero_that_moves(place, c, one) is moves


def test_roundings_of_the_claim_and_of_the_differences_are_allowed_for_together(ground, rng):
    place = ground(brain, lambda x, dy: 0 * dy, np.array([-4.827]), u=2.0**-8)
    (c,), _ = glance(place, Known(), [Probe(0, coordinate=0)], [True], rng)
    afar = at_two_steps(place, c.probe, saturation.LONG, may_bend=True).real
    spare, h = (np.abs(afar.value) - afar.bar).max(), saturation.LONG * NARROWER
    one = 0.9 * spare / saturation.MARGIN / max(1, 1 / h)  # neither is enough alone
    assert saturation._is_zero_that_moves(place, c, one) is False
    assert saturation._is_zero_that_moves(place, c, one / 4) is True


def test_only_nothing_and_few_bits_are_looked_at_from_afar(ground, rng):
    for claim, u in ((lambda x, dy: 0.01 * dy, 2.0**-8), (lambda x, dy: 0 * dy, 2.0**-13)):
        place = ground(brain, claim, np.array([-4.827]), u=u)
        (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
        before = place.problem.count["forward"]
        assert saturation._is_zero_that_moves(place, c, 0.0) is False
        assert place.problem.count["forward"] == before
