"""What is exact beside steps of a format of few bits keeps its digits."""

import dataclasses

import numpy as np
import pytest
from narrow import brain, half

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.verdict import beside
from gradcheck.verdict.beside import beside_steps
from gradcheck.verdict.ground import Known
from gradcheck.verdict.locate import Located

X = np.array([0.7312, -1.2345, 0.4142, 1.6180])


def outputs(x):
    return np.append(half(np.sin(x[:2])), np.sin(x[2:]))


def entries(x):
    return np.array([half(np.sin(x[:2])).sum() + np.sin(x[2:]).sum()])


@pytest.mark.parametrize("forward", [outputs, entries])
@pytest.mark.parametrize("error", [0.0, 1e-6])
def test_an_error_of_the_exact_half_is_found_with_all_digits(ground, rng, forward, error):
    factors = np.array([1, 1, 1 + error, 1])
    place = ground(forward, lambda x, dy: np.cos(x) * dy * factors, X)
    (found,) = beside_steps(place, Known(), {0}, rng)
    assert found and all(c.real_tolerance.max() < 1e-9 for c in found if c.probe.coordinate is None)
    assert any(c.outside().any() for c in found) == (error > 0)


def test_where_all_moves_in_steps_there_is_nothing_more(ground, rng):
    place = ground(lambda x: half(np.sin(x)) + x, lambda x, dy: (1 + np.cos(x)) * dy, X)
    assert beside_steps(place, Known(), {0}, rng) == [[]]


@pytest.mark.parametrize(("size", "looked_at"), [(16, 31), (17, 32)])
def test_up_to_32_parts_of_an_array_are_looked_at_a_half_before_its_own_halves(ground, monkeypatch, size, looked_at):
    """Only the last entry moves in no steps: of 17 that is not seen any more."""
    parts = []

    def smooth(ground, probe):
        parts.append((probe.start, probe.stop))
        return np.array([probe.start == size - 1])

    monkeypatch.setattr(beside, "_smooth", smooth)
    monkeypatch.setattr(beside, "places", lambda line, outputs: [])
    place = ground(lambda x: x, lambda x, dy: dy, np.ones(size))
    found = beside._stepping(place, 0, size, np.random.default_rng(1))
    assert parts[:3] == [(0, size), (0, size // 2), (size // 2, size)]
    assert len(parts) == looked_at + (size == 16), "and all of it for the outputs that step, once something does not"
    assert found == list(range(17 if size == 17 else 15))


def test_each_array_is_compared_for_the_outputs_that_are_exact_and_what_is_wrong_is_located_by_differences(
    ground, comparison, rng, monkeypatch
):
    grounds, located = [], []

    def measured(ground, known, probes, real, rng):
        grounds.append(ground)
        return [comparison(1.0, 1.0 + (probe.leaf == 1), probe=probe) for probe in probes], known

    def locate(ground, known, leaf, exact, rng):
        located.append((ground, leaf, exact))
        return Located([comparison(1.0, 2.0, probe=Probe(leaf, coordinate=0))], True, known)

    monkeypatch.setattr(beside, "measured", measured)
    monkeypatch.setattr(beside, "locate", locate)
    near = ground(lambda a, b: outputs(a) * b, lambda a, b, dy: (0 * a, 0 * b), X, X, exact=True)
    right, wrong = beside_steps(near, Known(), set(), rng)
    (alone,) = grounds
    assert not alone.exact and (alone.place.g[:, :2] == 0).all() and (alone.place.g[:, 2:] == near.place.g[:, 2:]).all()
    assert len(alone.claim.nearby) == 2 and located == [(alone, 1, False)]
    assert [c.probe.coordinate for c in right] == [None] and [c.probe.coordinate for c in wrong] == [None, 0]
    assert right[0].probe.seed > 0 and right[0].probe.leaf == 0


def test_entries_that_move_in_no_steps_are_compared_along_another_direction_without_the_complex_step(
    ground, rng, monkeypatch
):
    asked = []
    monkeypatch.setattr(beside, "measured", lambda near, known, probes, *_: asked.append((near, probes)) or ([], known))
    near = ground(entries, lambda x, dy: np.cos(x) * dy, X, exact=True)
    beside_steps(near, Known(), {0}, rng)
    ((place, (probe,)),) = asked
    assert not place.exact and probe == dataclasses.replace(probe, leaf=0, held=(0, 1)) and probe.seed > 0


CUBES = np.append(np.random.default_rng(1).uniform(1.2, 1.5, 14), 0.003)


def cubes(x, dy):
    return dy * (2 * x + 3 * x * x)


def test_an_entry_that_is_summed_with_others_moves_in_their_steps_though_none_is_met_along_it(ground):
    place = ground(lambda x: np.array([np.sum(x * x) + brain(np.sum(x**3))]), cubes, CUBES)
    assert beside._smooth(place, Probe(0, coordinate=14)).all(), "near zero it changes the sum by less than a step"
    for seed in range(5):
        assert beside._stepping(place, 0, 15, np.random.default_rng(seed)) == list(range(15))


def test_an_entry_beside_a_sum_does_not(ground):
    place = ground(lambda x: np.array([np.sum(x * x) + brain(np.sum(x[:14] ** 3))]), cubes, CUBES)
    for seed in range(5):
        assert beside._stepping(place, 0, 15, np.random.default_rng(seed)) == list(range(14))


@pytest.mark.parametrize("seed", range(8))
def test_no_right_claim_of_a_rounded_sum_fails(seed):
    x = np.random.default_rng(7).normal(size=50) + 0.3

    def forward(x):
        return np.sum(x * x) + brain(np.sum(x**3))

    assert gradcheck.Checker(seed=seed)(pair(forward, cubes), x).verdict != "fail"
    assert gradcheck.Checker(seed=seed)(pair(forward, lambda x, dy: 1.5 * cubes(x, dy)), x).verdict == "fail"
