"""A claim of nothing for all of an array, of a subject of few bits, is held against wide steps."""

import dataclasses

import numpy as np
import pytest
from narrow import brain, half

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.nothing import contradicting_nothing

W = np.random.default_rng(0).normal(size=(5, 3))
X = np.random.default_rng(1).normal(size=(4, 5))


def nothing(ground, rng, forward, probe, w=W, u=2.0**-11, claim=lambda w, dy: 0 * w):
    place = ground(forward, claim, w, u=u)
    return place, glance(place, Known(), [probe], [True], rng)[0]


def linear(w):
    return half(half(X) @ half(w))


@pytest.mark.parametrize("rounding", [half, brain])
def test_an_array_that_f_moves_along_in_steps_contradicts_it(ground, rng, rounding):
    u, unseen = 2.0**-11 if rounding is half else 2.0**-8, 0
    for seed in range(6):
        probe = Probe(0, seed=seed)
        place, (c,) = nothing(ground, rng, lambda w: rounding(rounding(X) @ rounding(w)), probe, u=u)
        unseen += not c.outside().any()
        (found,) = contradicting_nothing(place, [c])
        assert found.outside().any() and found.sweep is c.sweep
        assert found is c or (found.followed and found.exact is None)
    assert unseen or rounding is half, "along some the steps of a ladder show nothing"


@pytest.mark.parametrize(
    "forward",
    [
        lambda w: half(X @ np.ones((5, 3))),  # nothing depends on it
        lambda w: half(X @ np.round(w)),  # a quantiser, whose slope is zero
        lambda w: half(np.where(X[:, :3] > w[:4] / 8, X[:, :3], 0)),  # a threshold
        lambda w: half(np.maximum(X[:, :3] - np.exp(w[:4]) - 9, 0)),  # out of reach
    ],
)
def test_where_it_is_right_it_stands(ground, rng, forward):
    place, (c,) = nothing(ground, rng, forward, Probe(0, seed=1))
    (found,) = contradicting_nothing(place, [c])
    assert found is c


@pytest.mark.parametrize(
    "probe", [Probe(0, coordinate=3), Probe(None, seed=1), Probe(0, seed=1, start=2), Probe(0, seed=1, stop=9)]
)
def test_only_all_of_one_array_is_asked(ground, rng, probe):
    place, (c,) = nothing(ground, rng, linear, probe)
    before = place.problem.count["forward"]
    assert contradicting_nothing(place, [c])[0] is c and place.problem.count["forward"] == before


def test_a_subject_of_more_bits_and_a_claim_of_something_are_not_asked(ground, rng):
    for given in ({"u": 2.0**-24}, {"claim": lambda w, dy: 0 * w + 1e-3}):
        place, (c,) = nothing(ground, rng, linear, Probe(0, seed=1), **given)
        before = place.problem.count["forward"]
        assert contradicting_nothing(place, [c])[0] is c and place.problem.count["forward"] == before
    place, (c,) = nothing(ground, rng, linear, Probe(0, seed=1))
    unread = dataclasses.replace(c, real=None)
    assert contradicting_nothing(place, [unread])[0] is unread


def cast(x):
    """Round to float16; what is imaginary is lost, as in PyTorch."""
    return np.real(x).astype(np.float16).astype(np.float64)


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_whose_gradient_is_forgotten_behind_a_cast_fails(seed):
    def forward(x, w):
        return cast(cast(x) @ cast(w))

    def backward(x, w, dy):
        return cast(cast(dy) @ cast(w).T), 0 * w

    rng = np.random.default_rng(seed)
    report = gradcheck.Checker(seed=seed)(pair(forward, backward), rng.normal(size=(4, 5)), rng.normal(size=(5, 3)))
    x, w = report.gradients
    assert x.verdict == "pass" and w.verdict == "fail"
    assert w.diagnosis.startswith("no gradient reaches w: the claim is 0 everywhere, ")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("factor", "fails"), [(1.0, False), (2.0, True), (0.0, True)])
def test_a_loss_in_single_precision_of_a_map_in_few_bits_is_not_failed(seed, factor, fails):
    """Small differences show nothing: all of it stands on the steps of the map, which are far above its roundings."""

    def forward(x, w):
        y = brain(np.real(x) @ brain(np.real(w))).astype(np.float32)
        return np.mean(y * y)

    def backward(x, w, dy):
        dz = dy * 2 * brain(x @ brain(w)) / 18
        return dz @ w.T, factor * (x.T @ dz)

    rng = np.random.default_rng(seed)
    report = gradcheck.Checker(seed=seed)(pair(forward, backward), rng.normal(size=(6, 5)), rng.normal(size=(5, 3)))
    assert (report.verdict == "fail") is fails
