"""The entry that one difference contradicts most is found by halves."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.verdict.compare import glance
from gradcheck.verdict.ground import Known
from gradcheck.verdict.worst_entry import Worst, worst_entry

X, W = np.linspace(1, 2, 12).reshape(3, 4), np.linspace(-1, 1, 5)


def found(place, probe, rng, h=1e-5):
    (c,), _ = glance(place, Known(), [probe], [True], rng)
    return worst_entry(place, c, h)


@pytest.mark.parametrize("leaf", [None, 0, 1])
@pytest.mark.parametrize("entry", [0, 3, 4])
def test_it_is_found_in_one_array_or_in_all_with_what_its_claim_is_off(ground, rng, leaf, entry):
    def backward(x, w, dy):
        dx, dw = np.cos(x) * dy[:12].reshape(3, 4), 2 * w * dy[12:]
        (dx if leaf == 0 else dw).flat[entry] += 0.25
        return dx, dw

    place = ground(lambda x, w: np.append(np.sin(x), w * w), backward, X, W)
    worst = found(place, Probe(leaf, seed=1), rng)
    assert worst.probe == Probe(leaf or (0 if leaf == 0 else 1), coordinate=entry)
    unit = float(worst.probe.direction(place.place.point)[worst.probe.leaf].flat[entry])
    np.testing.assert_allclose(worst.off, 0.25 * unit, rtol=1e-4, atol=0)  # the error of one difference


def test_it_takes_two_evaluations_for_all_and_two_for_each_half(ground, rng):
    place = ground(np.sin, lambda x, dy: 2 * np.cos(x) * dy, np.linspace(1, 2, 64))
    (c,), _ = glance(place, Known(), [Probe(0, seed=1)], [True], rng)
    before = place.problem.count["forward"]
    worst_entry(place, c, 1e-5)
    assert place.problem.count["forward"] == before + 2 + 2 * 6


def test_what_is_not_finite_has_none(ground, rng):
    place = ground(np.sqrt, lambda x, dy: dy / (2 * np.sqrt(x)), np.array([1e-3, 1.0, 2.0]))
    assert found(place, Probe(0, seed=1), rng, h=0.3) is None


def test_the_cotangent_is_that_with_most_and_of_halves_as_far_off_the_first_is_followed(ground, rng):
    place = ground(lambda x: x, lambda x, dy: 2 * dy, np.ones(8))
    g = np.array([[0.5], [1.0]]) * np.ones(8)
    near = dataclasses.replace(place.place, g=g)
    place = dataclasses.replace(place, place=near, claim=dataclasses.replace(place.claim, values=[2 * g]))
    worst = found(place, Probe(0, seed=1, by_value=True), rng, h=2.0**-20)  # all entries move alike
    assert worst == Worst(Probe(0, coordinate=0), 1, 1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        worst.column = 0
